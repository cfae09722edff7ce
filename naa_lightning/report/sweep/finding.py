"""What a sweep found, in a sentence for each surrogate."""

from typing import Any

import pandas as pd

from naa_lightning.report.loading import lines_of
from naa_lightning.report.sweep.cells import DEFENDED_MEAN, MEANS
from naa_lightning.report.sweep.paired import ALPHA
from naa_lightning.report.sweep.table import SweepTable
from naa_lightning.report.wording import counted, p_text, whole_percent

_RATES = {"success_rate": "success", "target_rate": "hits of the class aimed at"}


def sweep_findings(table: SweepTable) -> list[str]:
    """Say which row of each block is ahead, by how much, and whether that is more than chance."""
    return [_finding(table, block) for block in table.rows.block.unique()]


def _finding(table: SweepTable, block: int) -> str:
    rows = table.rows[table.rows.block == block]
    where = rows.title.iloc[0]
    known = table.cells[table.cells.row.isin(rows.index) & table.cells["mean"].notna()]
    column = next((name for name in MEANS if name in set(known.column)), None)
    if column is None:
        asked = table.runs.folder.isin(rows.folders.explode()) & (table.runs.role == "black-box")
        return f"On {where}, no black-box network {'gave an answer that counts' if asked.any() else 'was asked'}."
    of_column = known[known.column == column].assign(name=known.row.map(rows["name"]))
    cells = lines_of(of_column.sort_values(["best", "mean"], ascending=False, kind="stable"))
    first, reached = cells[0], _reached(cells[0], rows.rate.iloc[0])
    if len(cells) == 1:
        return f"{first.name} on {where} reaches {reached}; there is nothing to compare it with."
    if not first.best:
        return f"The means on {where} are over different networks, so that none is ahead."
    return _ahead(first, next(cell for cell in cells if cell.name == first.runner_up), reached, where)


def _ahead(first: Any, runner_up: Any, reached: str, where: str) -> str:
    """Say whether the cell with the highest mean is ahead of the next by more than chance."""
    name, other, share, p = first.name, runner_up.name, whole_percent(runner_up.mean), f"({p_text(first.p_best)})"
    if first.distinct:
        points = round(100 * (first.mean - runner_up.mean))
        ahead = counted(points, "point") if points else "less than a point"
        return f"{name} wins on {where} with {reached}, {ahead} ahead of {other} {p}."
    if pd.isna(first.p_best):
        return f"{name} reaches {reached} on {where} and {other} {share}: chance is not ruled out."
    if first.p_best < ALPHA:
        return f"{name} reaches {reached} on {where} and {other} {share}, but {name} does worse on more images {p}."
    return f"{name} and {other} are not distinguishable on {where}: {reached} and {share} {p}."


def _reached(cell: Any, rate: str) -> str:
    """Write a mean with what it is over."""
    behind = " behind a defence" if cell.column == DEFENDED_MEAN else ""
    mean = f"mean over {counted(len(cell.targets), 'network')}{behind}"
    over = f"on {cell.targets[0]}" if len(cell.targets) == 1 else mean
    return f"{whole_percent(cell.mean)} {_RATES[rate]} ({over})"
