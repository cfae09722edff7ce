"""What a sweep found, in a sentence for each surrogate."""

from typing import Any

import pandas as pd

from naa_lightning.report.sweep.cells import BLACK_BOX_MEAN, DEFENDED_MEAN
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
    column = next((name for name in (BLACK_BOX_MEAN, DEFENDED_MEAN) if name in set(known.column)), None)
    if column is None:
        return f"On {where}, no network was asked that it was not crafted on."
    ranked = known[known.column == column].sort_values("mean", ascending=False, kind="stable")
    cells: list[Any] = list(ranked.itertuples())
    first, name = cells[0], rows["name"][cells[0].row]
    reached = _reached(first, rows.rate.iloc[0])
    if len(cells) == 1:
        return f"{name} on {where} reaches {reached}; there is nothing to compare it with."
    other, share = rows["name"][cells[1].row], whole_percent(cells[1].mean)
    if first.distinct:
        points = round(100 * (first.mean - cells[1].mean))
        ahead = counted(points, "point") if points else "less than a point"
        return f"{name} wins on {where} with {reached}, {ahead} ahead of {other} ({p_text(first.p_best)})."
    if pd.isna(first.p_best):
        return f"{name} is ahead on {where} with {reached}, {other} follows with {share}: chance is not ruled out."
    return f"{name} and {other} are not distinguishable on {where}: {reached} and {share} ({p_text(first.p_best)})."


def _reached(cell: Any, rate: str) -> str:
    """Write a mean with what it is over."""
    behind = " behind a defence" if cell.column == DEFENDED_MEAN else ""
    mean = f"mean over {counted(len(cell.targets), 'network')}{behind}"
    over = f"on {cell.targets[0]}" if len(cell.targets) == 1 else mean
    return f"{whole_percent(cell.mean)} {_RATES[rate]} ({over})"
