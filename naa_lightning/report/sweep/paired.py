"""The paired comparison of rows of a sweep's table on the same images."""

from collections.abc import Sequence
from functools import cache

import pandas as pd

from naa_lightning.metrics.mcnemar import holm, mcnemar
from naa_lightning.report.loading import lines_of
from naa_lightning.report.sweep.outcomes import PAIRED

ALPHA = 0.05
"""The adjusted p-value below which two rows differ."""

# What rounding may leave of a difference that is none, and take from a rate that ties.
_NOTHING, _ROUNDING = 1e-9, 1e-12


def tested(cells: pd.DataFrame, rows: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """Add to cells the comparison with the baseline, and of the best of each block and column with the next."""
    known = cells.assign(block=cells.row.map(rows.block)).dropna(subset="mean")
    baselines = rows[rows.is_baseline].reset_index().set_index("block").row
    rivals = _rivals(known[~known.white_box])
    asked = {"baseline": known.block.map(baselines).dropna().astype(int), "rival": rivals}
    sides = pd.concat(asked, names=["side", "place"]).rename("other").reset_index()
    pairs = cells.merge(sides, left_index=True, right_on="place").query("row != other")

    @cache
    def exceeds(row: int, other: int) -> pd.DataFrame:
        return differences(*(outcomes[outcomes.row == number] for number in (row, other)))

    counts = [
        compare(exceeds(pair.row, pair.other), pair.targets if pair.kind == "mean" else [pair.column])
        for pair in lines_of(pairs)
    ]
    pairs = pairs.assign(counts=pd.Series(counts, pairs.index, dtype=object)).dropna(subset="counts")
    # Two rows are one test, from whichever side.
    tests = [(pair.column, frozenset((pair.row, pair.other))) for pair in lines_of(pairs)]
    p_values = {test: mcnemar(*counts) for test, counts in zip(tests, pairs.counts, strict=True)}
    adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    pairs = pairs.assign(
        baseline=pairs.other.map(rows["name"]),
        better=[better for better, _ in pairs.counts],
        worse=[worse for _, worse in pairs.counts],
        p=[p_values[test] for test in tests],
        p_holm=[adjusted[test] for test in tests],
    ).set_index("place")
    ahead = pairs[pairs.side == "rival"]
    distinct = ahead[(ahead.p_holm < ALPHA) & (ahead.better > ahead.worse)]
    compared = pairs.loc[pairs.side == "baseline", ["baseline", "better", "worse", "p", "p_holm"]]
    return cells.join(compared).assign(
        best=cells.index.isin(rivals.index),
        runner_up=rivals.map(rows["name"]),
        p_best=ahead.p_holm,
        distinct=cells.index.isin(distinct.index),
    )


def _rivals(known: pd.DataFrame) -> pd.Series:
    """Return the row that comes next to each cell that no other of its block and column exceeds, by its place.

    Means are ranked only among those that are over the same targets.
    """
    found: dict[int, int] = {}
    for _, of_column in known.sort_values("mean", ascending=False, kind="stable").groupby(["block", "column"]):
        first, *others = lines_of(_alike(of_column))
        if others:
            found[first.Index] = others[0].row
        found |= {cell.Index: first.row for cell in others if cell.mean >= first.mean - _ROUNDING}
    return pd.Series(found, dtype=int)


def _alike(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of a column that can be ranked: of means, those over the same targets as most, or over most."""
    over = [frozenset(targets) if isinstance(targets, tuple) else frozenset() for targets in cells.targets]
    ranked = max(set(over), key=lambda targets: (over.count(targets), len(targets)))
    return cells[[targets == ranked for targets in over]]


def differences(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Return by how much one row's outcomes exceed another's, image by image.

    An image's outcome is averaged over the seeds and the random draws of defences that both rows have, as far as the
    image counts in both: for the success rate, where the clean answer is right.

    Args:
        one: The outcomes of a row, as `outcomes_of` gives them.
        other: Those of the other row.

    Returns:
        The differences in [-1, 1], images against the targets that both rows have; NaN where an image does not count.
    """
    both = one.merge(other, on=PAIRED, suffixes=("", "_of_other"))
    return (both.outcome - both.outcome_of_other).groupby([both.id, both.target]).mean().unstack()


def compare(exceeds: pd.DataFrame, targets: Sequence[str]) -> tuple[int, int] | None:
    """Count the images on which one row does better than another, and those on which it does worse.

    An image's difference is averaged over the targets on which it counts. Its sign is what counts, so that the test is
    a sign test over images. With one target, one seed and one draw it is McNemar's exact test.

    Args:
        exceeds: The `differences` of the rows.
        targets: The target of the column, or those of a mean; those that the rows do not share are passed over.

    Returns:
        The two numbers; None where the rows share none of the targets.
    """
    shared = exceeds[exceeds.columns.intersection(list(targets))]
    mean = shared.mean(axis=1)
    return None if shared.empty else (int((mean > _NOTHING).sum()), int((mean < -_NOTHING).sum()))
