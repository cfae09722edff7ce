"""The wording of a sweep's table, in whatever format."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from naa_lightning.report.definitions import SHORT
from naa_lightning.report.loading import lines_of
from naa_lightning.report.sweep.finding import sweep_findings
from naa_lightning.report.sweep.paired import ALPHA
from naa_lightning.report.sweep.table import SweepTable
from naa_lightning.report.wording import DOUBT, NONE, interval, listed, percent

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
    return "" if pd.isna(cell.low) else interval(cell)


def differs(cell: Any) -> bool:
    """Tell whether a cell's row differs from the baseline by more than chance."""
    return bool(cell.p_holm < ALPHA)


def texts(
    table: SweepTable,
    *,
    best: str,
    star: str = "*",
    interval: str = " ({})",
    name: Callable[[str], str] = str,
) -> pd.DataFrame:
    """Return the cells as text with their marks and intervals, rows against columns, under the facts of each row.

    What all rows share is no fact of a row, its surrogate and attack aside.

    Args:
        table: The table of the sweep.
        best: The form of a mean that is the highest by more than chance.
        star: The mark of a row that differs from the baseline.
        interval: The form of the interval.
        name: What writes names.
    """
    facts = table.rows[["surrogate", "attack", "setting", "data"]].assign(rate=table.rows.rate.map(SHORT))
    told = {"surrogate", "attack"} | {fact for fact in ("data", "rate") if facts[fact].nunique() > 1}
    told |= {"setting"} if facts.setting.any() else set()
    facts = facts[[fact for fact in facts if fact in told]].map(name)

    def written(cell: Any) -> str:
        shown = best.format(rate_text(cell)) if cell.distinct else rate_text(cell)
        marks = (star if differs(cell) else "") + (DAGGER if cell.white_box and pd.notna(cell.mean) else "")
        marks += DOUBT if table.rows.doubtful[cell.row] and pd.notna(cell.mean) else ""
        return shown + marks + (interval.format(interval_text(cell)) if interval_text(cell) else "")

    cells = table.cells.assign(text=[written(cell) for cell in lines_of(table.cells)])
    across = cells.pivot(index="row", columns="column", values="text")
    across = across.reindex(index=table.rows.index, columns=table.columns).astype(object).fillna(NONE)
    return across.set_axis([name(column) for column in table.columns], axis=1).set_axis(pd.MultiIndex.from_frame(facts))


def legend(table: SweepTable, *, best: str) -> list[str]:
    """Explain the numbers and the marks that the table has, where the best cell of a column is marked so."""
    rows, cells = table.rows, table.cells
    rates = listed([f"{SHORT[rate]} rate" for rate in rows.rate.unique()])
    spread = f" {PLUS_MINUS} standard deviation over seeds" if cells.spread.notna().any() else ""
    parts = [f"{rates} in %{spread}, with the 95 % interval for other images"]
    paired = f"paired McNemar tests, Holm-adjusted p < {ALPHA:g}"
    if cells.distinct.any():
        parts.append(f"{best}: above every other row of its surrogate, above the next by more than chance ({paired})")
    if cells.p_holm.notna().any():
        names = listed(list(rows["name"][rows.is_baseline].unique()))
        parts.append(f"*: differs from the baseline, {names} ({paired})")
    if cells.white_box.any():
        parts.append(f"{DAGGER}: white-box")
    if rows.doubtful.any():
        parts.append(f"{DOUBT}: gradients vanished")
    return parts


def remarks(table: SweepTable) -> list[str]:
    """Return what was found, failed and unfinished runs and the notices of the table, in one line each."""
    failures = [f"{folder.name} failed: {reason}" for folder, reason in table.failed.items()]
    unfinished = [f"unfinished: {', '.join(folder.name for folder in table.unfinished)}"] if table.unfinished else []
    return [*sweep_findings(table), *table.notices, *failures, *unfinished]
