"""The wording of a sweep's table, in whatever format."""

from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from naa_lightning.report.definitions import SHORT
from naa_lightning.report.loading import lines_of
from naa_lightning.report.page.wording import NONE, listed, percent
from naa_lightning.report.sweep.paired import ALPHA
from naa_lightning.report.sweep.table import SweepTable

PLUS_MINUS, DAGGER = "\N{PLUS-MINUS SIGN}", "\N{DAGGER}"


def rate_text(cell: Any) -> str:
    """Write the mean of a cell, a line of the cells of a `SweepTable`, in percent, with its spread over seeds.

    >>> from types import SimpleNamespace
    >>> rate_text(SimpleNamespace(mean=0.5, spread=0.1)), rate_text(SimpleNamespace(mean=float("nan"), failed=True))
    ('50.0 ± 10.0', 'failed')
    """
    if pd.isna(cell.mean):
        return "failed" if cell.failed else NONE
    return percent(cell.mean) + ("" if pd.isna(cell.spread) else f" {PLUS_MINUS} {percent(cell.spread)}")


def interval_text(cell: Any) -> str:
    """Write the interval of a cell in percent; nothing where there is none."""
    return "" if pd.isna(cell.low) or pd.isna(cell.mean) else f"{percent(cell.low)}{NONE}{percent(cell.high)}"


def differs(cell: Any) -> bool:
    """Tell whether a cell's row differs from the baseline by more than chance."""
    return bool(cell.p_holm < ALPHA)


def cell_text(cell: Any, *, best: str = "{}", star: str = "*", interval: str = " ({})") -> str:
    """Write a cell with its marks and its interval.

    Args:
        cell: The cell.
        best: The form of a mean that is the highest by more than chance.
        star: The mark of a row that differs from the baseline.
        interval: The form of the interval.
    """
    shown = best.format(rate_text(cell)) if cell.distinct else rate_text(cell)
    marks = (star if differs(cell) else "") + (DAGGER if cell.white_box and pd.notna(cell.mean) else "")
    return shown + marks + (interval.format(interval_text(cell)) if interval_text(cell) else "")


def facts(table: SweepTable) -> pd.DataFrame:
    """Return what describes each row; what all rows share is left out, surrogate aside."""
    found = table.rows[["surrogate", "attack", "setting", "data"]].assign(rate=table.rows.rate.map(SHORT))
    several = {name for name in ("data", "rate") if found[name].nunique() > 1}
    several |= {"surrogate", "attack"} | ({"setting"} if found.setting.any() else set())
    return found[[name for name in found if name in several]]


def wide(table: SweepTable, shown: Callable[[Any], str]) -> pd.DataFrame:
    """Return the cells as text, rows against columns.

    Args:
        table: The table of the sweep.
        shown: What writes a cell.
    """
    texts = pd.Series([shown(cell) for cell in lines_of(table.cells)], dtype=object)
    across = texts.groupby([table.cells.row, table.cells.column]).first().unstack()
    return across.reindex(index=table.rows.index, columns=table.columns).astype(object).fillna(NONE)


def block_title(table: SweepTable, block: int) -> str:
    """Return the title of a block: its surrogate, and what differs between blocks."""
    row = table.rows[table.rows.block == block].iloc[0]
    data = f" on {row.data}" if table.rows.data.nunique() > 1 else ""
    rate = f", {SHORT[row.rate]} rate" if table.rows.rate.nunique() > 1 else ""
    return f"{row.surrogate}{data}{rate}"


def legend(table: SweepTable, *, best: str, white_box: str = DAGGER) -> list[str]:
    """Explain the numbers and the marks that the table has.

    Args:
        table: The table of the sweep.
        best: The mark of the best cell of a column.
        white_box: The mark of a white-box cell.
    """
    rows, cells = table.rows, table.cells
    rates = listed([f"{SHORT[rate]} rate" for rate in rows.rate.unique()] or ["success rate"])
    spread = f" {PLUS_MINUS} standard deviation over seeds" if cells.spread.notna().any() else ""
    parts = [f"{rates} in %{spread}, with the 95 % interval for other images"]
    paired = f"paired McNemar tests, Holm-adjusted p < {ALPHA:g}"
    if cells.distinct.any():
        parts.append(f"{best}: above every other row of its surrogate, above the next by more than chance ({paired})")
    if cells.p_holm.notna().any():
        names = listed(list(rows["name"][rows.is_baseline].unique()))
        parts.append(f"*: differs from the baseline, {names} ({paired})")
    if cells.white_box.any():
        parts.append(f"{white_box}: white-box")
    return parts


def findings(table: SweepTable) -> list[str]:
    """Say which row of each block has the highest means, and where the best cannot be told from the next."""
    lines = []
    names = table.rows["name"].to_dict()
    for block in table.rows.block.unique():
        title, rows = block_title(table, block), table.rows[table.rows.block == block]
        best = table.cells[table.cells.row.isin(rows.index) & table.cells.best]
        ahead = best[best.distinct & (best.kind == "mean")]
        lines += [
            f"{title}: {names[cell.row]} has the highest {cell.column}, {percent(cell.mean)} %, more than chance "
            f"above {cell.runner_up} (adjusted p = {cell.p_best:.2g})"
            for cell in lines_of(ahead)
        ]
        alike = [
            f"{names[row]} from {runner_up} in {listed(list(cells.column))}"
            for (row, runner_up), cells in best[~best.distinct].groupby(["row", "runner_up"], sort=False)
        ]
        lines += [f"{title}: the highest is not distinguishable from the next: {'; '.join(alike)}"] if alike else []
    return lines


def remarks(table: SweepTable) -> list[str]:
    """Return what was found, failed and unfinished runs and the notices of the table, in one line each."""
    unfinished = ", ".join(folder.name for folder in table.unfinished)
    failures: Iterable[str] = (f"{folder.name} failed: {reason}" for folder, reason in table.failed.items())
    return [*findings(table), *table.notices, *failures, *([f"unfinished: {unfinished}"] if unfinished else [])]
