"""The paired comparison of rows of a sweep's table on the same images."""

from collections.abc import Hashable, Mapping, Sequence
from functools import cache
from typing import Any

import pandas as pd

from naa_lightning.metrics.mcnemar import holm, mcnemar
from naa_lightning.report.loading import lines_of
from naa_lightning.report.sweep.outcomes import COLUMNS

ALPHA = 0.05
"""The adjusted p-value below which two rows differ."""

TESTED = ["baseline", "better", "worse", "p", "p_holm", "best", "runner_up", "p_best", "distinct"]

# What rounding may leave of a difference that is none, and take from a rate that ties.
_NOTHING, _ROUNDING = 1e-9, 1e-12


def tested(cells: pd.DataFrame, rows: pd.DataFrame, outcomes: Mapping[Hashable, pd.DataFrame]) -> pd.DataFrame:
    """Add to cells the comparison with the baseline, and of the best of each block and column with the next.

    Args:
        cells: The cells, as `cells_of` gives them.
        rows: The rows of the table.
        outcomes: The outcomes of each row's images.
    """
    listed, names = lines_of(cells), rows["name"].to_dict()
    baselines = {row.block: row.Index for row in lines_of(rows) if row.is_baseline}
    known = cells.assign(block=cells.row.map(rows.block)).dropna(subset="mean")
    against = {cell.Index: baselines[cell.block] for cell in lines_of(known) if cell.block in baselines}
    rivals = _rivals(known[~known.white_box])

    @cache
    def exceeds(row: int, other: int) -> pd.DataFrame:
        return differences(outcomes[row], outcomes[other])

    counts: dict[tuple[int, int | None], tuple[int, int]] = {}
    tests: dict[tuple[int, int | None], tuple[str, frozenset[int]]] = {}  # two rows are one test, from whichever side
    for place, other in [*against.items(), *rivals.items()]:
        cell = listed[place]
        targets = cell.targets if cell.kind == "mean" else [cell.column]
        found = None if other == cell.row else compare(exceeds(cell.row, other), targets)
        if found is not None:
            counts[place, other], tests[place, other] = found, (cell.column, frozenset((cell.row, other)))
    p_values = {tests[asked]: mcnemar(*found) for asked, found in counts.items()}
    adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    lines: list[dict[str, Any]] = []
    for place in range(len(listed)):
        baseline, rival = (place, against.get(place)), (place, rivals.get(place))
        line: dict[str, Any] = {"best": place in rivals, "runner_up": names.get(rival[1]), "distinct": False}
        if baseline in counts:
            line |= {"baseline": names[baseline[1]]} | dict(zip(("better", "worse"), counts[baseline], strict=True))
            line |= {"p": p_values[tests[baseline]], "p_holm": adjusted[tests[baseline]]}
        if rival in counts:
            (better, worse), p_best = counts[rival], adjusted[tests[rival]]
            line |= {"p_best": p_best, "distinct": p_best < ALPHA and better > worse}
        lines.append(line)
    return cells.join(pd.DataFrame(lines, columns=TESTED).astype({"best": bool, "distinct": bool}))


def _rivals(known: pd.DataFrame) -> dict[int, int]:
    """Return the row that comes next to each cell that no other of its block and column exceeds, by its place."""
    found: dict[int, int] = {}
    for _, of_column in known.sort_values("mean", ascending=False, kind="stable").groupby(["block", "column"]):
        first, *others = lines_of(of_column)
        if others:
            found[first.Index] = others[0].row
        found |= {cell.Index: first.row for cell in others if cell.mean >= first.mean - _ROUNDING}
    return found


def differences(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Return by how much one row's outcomes exceed another's, image by image.

    An image's outcome is averaged over the seeds and the random draws of defences that both rows have, as far as the
    image counts in both: for the success rate, where the clean answer is right.

    Args:
        one: The outcomes of a row: the columns `COLUMNS` of `outcomes`.
        other: Those of the other row.

    Returns:
        The differences in [-1, 1], images against the targets that both rows have; NaN where an image does not count.
    """
    both = one.merge(other, on=COLUMNS[:-1], suffixes=("", "_of_other"))
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
