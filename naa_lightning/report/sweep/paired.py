"""The paired comparison of two rows of a sweep's table on the same images."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from naa_lightning.metrics.mcnemar import mcnemar

PAIRED_BY = ["seed", "images", "target", "repeat", "id", "label"]
"""What outcomes must have in common to be compared."""

# What rounding may leave of a difference that is none.
_NOTHING = 1e-9


@dataclass(frozen=True)
class DiscordantPairs:
    """The images on which two rows differ.

    Args:
        better: Number of images on which the first row does better.
        worse: Number of images on which it does worse.
    """

    better: int
    worse: int

    @property
    def p(self) -> float:
        """The p-value of McNemar's exact test of no difference."""
        return mcnemar(self.better, self.worse)


def differences(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Return by how much one row's outcomes exceed another's, image by image.

    An image's outcome is averaged over the seeds and the random draws of defences that both rows have, as far as the
    image counts in both: for the success rate, where the clean answer is right.

    Args:
        one: The outcomes of a row: the columns `PAIRED_BY` and `outcome`.
        other: Those of the other row.

    Returns:
        The differences in [-1, 1], images against the targets that both rows have; NaN where an image does not count.
    """
    both = one.merge(other, on=PAIRED_BY, suffixes=("", "_of_other"))
    exceeds = both.outcome - both.outcome_of_other
    return exceeds.groupby([both.id, both.target]).mean().unstack()


def compare(exceeds: pd.DataFrame, targets: Sequence[str]) -> DiscordantPairs | None:
    """Count the images on which one row does better than another, and those on which it does worse.

    An image's difference is averaged over the targets on which it counts. Its sign is what counts, so that the test is
    a sign test over images. With one target, one seed and one draw it is McNemar's exact test.

    Args:
        exceeds: The `differences` of the rows.
        targets: The target of the column, or those of a mean; those that the rows do not share are passed over.

    Returns:
        The counts; None where the rows share none of the targets.
    """
    shared = exceeds[exceeds.columns.intersection(list(targets))]
    if shared.empty:
        return None
    mean = shared.mean(axis=1)
    return DiscordantPairs(int((mean > _NOTHING).sum()), int((mean < -_NOTHING).sum()))
