"""The paired comparison of two rows of a sweep's table on the same images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from naa_lightning.metrics.mcnemar import mcnemar
from naa_lightning.report.sweep.outcomes import Outcomes

Seed = TypeVar("Seed")
# What rounding may leave of a difference that is none.
_NOTHING = 1e-9


@dataclass(frozen=True)
class DiscordantPairs:
    """The images on which a row and its baseline differ.

    Args:
        better: Number of images on which the row does better.
        worse: Number of images on which it does worse.
    """

    better: int
    worse: int

    @property
    def p(self) -> float:
        """The p-value of McNemar's exact test of no difference."""
        return mcnemar(self.better, self.worse)


def compare(
    row: Mapping[Seed, Mapping[str, Outcomes]], baseline: Mapping[Seed, Mapping[str, Outcomes]], targets: Sequence[str]
) -> DiscordantPairs | None:
    """Count the images on which a row does better than its baseline, and those on which it does worse.

    An image's outcome is averaged over the seeds that both rows have, over random draws of defences, then over the
    targets, each as far as the image counts there in both rows: for the success rate, where the clean answer is right.
    The sign of the difference is what counts, so that the test is a sign test over images. With one target, one seed
    and one draw it is McNemar's exact test.

    Args:
        row: The outcomes by seed and target.
        baseline: The outcomes of the baseline by seed and target.
        targets: The target of the column, or those of a mean; those that a row lacks are passed over.

    Returns:
        The counts; None where the rows share no target with the same images and labels.
    """
    on_each = [
        difference
        for target in targets
        if (difference := _differences(_of_target(row, target), _of_target(baseline, target))) is not None
    ]
    if not on_each:
        return None
    mean: dict[int, list[float]] = {}
    for ids, differences in on_each:
        for image, difference in zip(ids.tolist(), differences.tolist(), strict=True):
            mean.setdefault(image, []).append(difference)
    over_targets = np.array([sum(found) / len(found) for found in mean.values()])
    return DiscordantPairs(int((over_targets > _NOTHING).sum()), int((over_targets < -_NOTHING).sum()))


def _of_target(row: Mapping[Seed, Mapping[str, Outcomes]], target: str) -> dict[Seed, Outcomes]:
    return {seed: outcomes[target] for seed, outcomes in row.items() if target in outcomes}


def _differences(
    row: Mapping[Seed, Outcomes], baseline: Mapping[Seed, Outcomes]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]] | None:
    """Return the ids of the images that count, and the mean difference of each; None where rows cannot be paired."""
    both = [(row[seed], baseline[seed]) for seed in row if seed in baseline]
    if not both or not all(_same_images(both[0][0], outcomes) for pair in both for outcomes in pair):
        return None
    draws = [_difference(ours, theirs) for ours, theirs in both]
    stacked = np.concatenate(draws, axis=1)
    counted = (~np.isnan(stacked)).sum(axis=1)
    counts = counted > 0
    means = np.nansum(stacked[counts], axis=1) / counted[counts]
    return both[0][0].ids[counts], means


def _same_images(one: Outcomes, other: Outcomes) -> bool:
    return np.array_equal(one.ids, other.ids) and np.array_equal(one.labels, other.labels)


def _difference(ours: Outcomes, theirs: Outcomes) -> npt.NDArray[np.float64]:
    draws = min(ours.successes.shape[1], theirs.successes.shape[1])
    difference: npt.NDArray[np.float64] = ours.successes[:, :draws] - theirs.successes[:, :draws]
    return difference
