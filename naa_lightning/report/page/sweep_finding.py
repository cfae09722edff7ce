"""What a sweep found, in a sentence for each surrogate."""

from typing import Any

import pandas as pd

from naa_lightning.report.page.finding import whole_percent
from naa_lightning.report.page.wording import counted
from naa_lightning.report.sweep.cells import BLACK_BOX_MEAN, DEFENDED_MEAN
from naa_lightning.report.sweep.table import SweepTable
from naa_lightning.report.sweep.wording import block_title

_RATES = {"success_rate": "success", "target_rate": "hits of the class aimed at"}


def sweep_findings(table: SweepTable) -> list[str]:
    """Say which row of each block is ahead, by how much, and whether that is more than chance."""
    return [_finding(table, int(block), rows) for block, rows in table.rows.groupby("block")]


def p_text(p: float) -> str:
    """Write a p-value.

    >>> p_text(0.00012), p_text(0.0234), p_text(1.0)
    ('p < 0.001', 'p = 0.023', 'p = 1')
    """
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def _finding(table: SweepTable, block: int, rows: pd.DataFrame) -> str:
    means = table.cells[table.cells.row.isin(rows.index) & table.cells["mean"].notna()]
    column = next((name for name in (BLACK_BOX_MEAN, DEFENDED_MEAN) if name in set(means.column)), None)
    where = block_title(table, block)
    if column is None:
        return f"On {where}, no network was asked that it was not crafted on."
    ranked = means[means.column == column].sort_values("mean", ascending=False, kind="stable")
    first, *others = ranked.itertuples()
    name, reached = rows["name"][first.row], _reached(first, rows.rate.iloc[0])
    if not others:
        return f"{name} on {where} reaches {reached}; there is nothing to compare it with."
    second = others[0]
    other, share = rows["name"][second.row], whole_percent(second.mean)
    if first.distinct:
        return f"{name} wins on {where} with {reached}, {_points(first.mean - second.mean)} ahead of {other} ({p_text(first.p_best)})."
    if pd.isna(first.p_best):
        return f"{name} is ahead on {where} with {reached}, {other} follows with {share}: no images were shared to tell it from chance."
    return f"{name} and {other} are not distinguishable on {where}: {reached} and {share} ({p_text(first.p_best)})."


def _reached(cell: Any, rate: str) -> str:
    """Write a mean with what it is over."""
    behind = " behind a defence" if cell.column == DEFENDED_MEAN else ""
    over = f"on {cell.targets[0]}" if len(cell.targets) == 1 else f"mean over {counted(len(cell.targets), 'network')}{behind}"
    return f"{whole_percent(cell.mean)} {_RATES[rate]} ({over})"


def _points(difference: float) -> str:
    points = round(100 * difference)
    return counted(points, "point") if points else "less than a point"
