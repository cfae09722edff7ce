"""The page of a sweep, of a search, or of any folder of runs."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from naa_lightning.records.results import RunResults, read_results
from naa_lightning.report.definitions import SHORT
from naa_lightning.report.loading import lines_of
from naa_lightning.report.page import plot, search
from naa_lightning.report.page.comparability import differences
from naa_lightning.report.page.template import FILE_NAME, write_page
from naa_lightning.report.sweep import wording
from naa_lightning.report.sweep.cells import BLACK_BOX_MEAN, DEFENDED_MEAN
from naa_lightning.report.sweep.finding import sweep_findings
from naa_lightning.report.sweep.table import SweepTable
from naa_lightning.report.wording import budget_text, counted, listed, percent

MEANS = (BLACK_BOX_MEAN, DEFENDED_MEAN)
# The properties that the runs of a sweep share.
_ALIKE = ("images", "number of images", "budget", "aim")
_SWEEP_FILES = ("multirun.yaml", search.FILE_NAME)


def write_sweep_page(folder: Path, table: SweepTable) -> Path:
    """Write `report.html` of a folder of runs: of a sweep, which compares them, of a search, or else a list.

    Args:
        folder: The folder.
        table: The table of its runs.

    Returns:
        The path of the page.

    Raises:
        UserError: A run's `results.json` has been damaged or removed since it was read.
    """
    records = {run: read_results(run) for run in table.runs.folder.unique()}
    jobs = (*records, *table.failed, *table.unfinished)
    places = {job: Path(os.path.relpath(job, folder)).as_posix() for job in jobs}
    links = {run: quote(f"{places[run]}/{FILE_NAME}") if _has_page(run, folder) else None for run in records}
    found, unlike = search.read_search(folder, records), differences(table)
    is_list = not found and _is_list(folder, unlike)
    heads, compared = table.runs.drop_duplicates("folder"), table.cells[table.cells.baseline.notna()]
    return write_page(
        folder,
        "sweep.html.j2",
        title="Search" if found else "Runs" if is_list else "Sweep",
        subtitle=_subtitle(list(records.values())),
        findings=sweep_findings(table),
        search=found,
        parameters=search.parameter_plots(found, links) if found else [],
        is_list=is_list,
        table=table,
        cells={(cell.row, cell.column): cell for cell in table.cells.itertuples()},
        blocks=[
            (rows.title.iloc[0], rows, _indistinct(table, rows)) for _, rows in table.rows.groupby("block", sort=False)
        ],
        means=[name for name in table.columns if name in MEANS],
        targets=[name for name in table.columns if name not in MEANS],
        clean=_clean_accuracies(table),
        compared=compared,
        rates=listed([SHORT[rate] for rate in table.rows.rate.unique()]),
        scatters=list(_scatters(table)),
        heads=heads.sort_values("started", ascending=False, kind="stable") if is_list else heads,
        several=[name for name in ("surrogate", "attack", "data") if heads[name].nunique() > 1],
        records=records,
        links=links,
        places=places,
        unlike=unlike,
        lost=_lost(table),
        unfinished=[places[run] for run in table.unfinished],
        words=wording,
    )


def _has_page(run: Path, folder: Path) -> bool:
    return (run / FILE_NAME).exists() and run.resolve() != folder.resolve()


def _is_list(folder: Path, unlike: Mapping[str, Any]) -> bool:
    """Tell whether runs only happen to be in one folder: nothing says that it is a sweep's, and they are not alike."""
    return any(name in unlike for name in _ALIKE) and not any((folder / name).exists() for name in _SWEEP_FILES)


def _subtitle(records: list[RunResults]) -> str:
    """Return the number of runs and what they share."""
    images = [counted(record.images, "image") for record in records]
    data, budgets = [record.data for record in records], [budget_text(record.budget) for record in records]
    aims = ["targeted" if record.targeted else "untargeted" for record in records]
    shared = [texts[0] for texts in (images, data, budgets, aims) if len(set(texts)) == 1 and texts[0]]
    return ", ".join([counted(len(records), "run"), *shared])


def _indistinct(table: SweepTable, rows: pd.DataFrame) -> list[str]:
    """Say once for a block which best rows cannot be told from the next, in which mean."""
    names = rows["name"]
    best = table.cells[table.cells.row.isin(rows.index) & (table.cells.kind == "mean") & table.cells.best]
    pairs: dict[Any, str] = {}  # of rows that tie, each has the other for its next
    cells: list[Any] = list(best[~best.distinct.astype(bool)].itertuples())
    for cell in cells:
        told = f"{cell.column}: {names[cell.row]} is not distinguishable from {cell.runner_up}"
        pairs.setdefault((cell.column, frozenset((names[cell.row], cell.runner_up))), told)
    return list(pairs.values())


def _lost(table: SweepTable) -> dict[str, str]:
    """Return the reasons why targets could not be asked, by the target and what was to be tried on it."""
    runs = table.runs.assign(
        run=(table.runs.attack + " " + table.runs.setting).str.strip() + " on " + table.runs.surrogate
    )
    lost: list[Any] = list(runs.dropna(subset="failed").groupby(["target", "failed"], sort=False).run.unique().items())
    return {f"{target}, by {listed(list(tried))}": reason for (target, reason), tried in lost}


def _clean_accuracies(table: SweepTable) -> dict[str, str]:
    """Return each target's clean accuracy in percent, a range where runs differ."""
    ends = table.cells.groupby("column").clean.agg(["min", "max"]).dropna().map(percent)
    return {str(name): "\N{EN DASH}".join(dict.fromkeys(row)) for name, *row in ends.itertuples()}


def _scatters(table: SweepTable) -> Iterator[dict[str, Any]]:
    """Yield what to draw of success against gradients, for the rows of each data set and rate."""
    cost = table.rows.gradient_evaluations
    for (data, rate), rows in table.rows.groupby(["data", "rate"], sort=False):
        cells = table.cells[table.cells.row.isin(rows.index[cost[rows.index] > 0]) & table.cells["mean"].notna()]
        column = next((name for name in MEANS if name in set(cells.column)), None)
        if column is None:
            continue
        cells = cells[cells.column == column].assign(cost=lambda found: found.row.map(cost))
        ranked = cells.sort_values(["cost", "mean"], ascending=[True, False], kind="stable")
        ranked["front"] = ranked["mean"] > ranked["mean"].cummax().shift(fill_value=-1)
        front = ranked[ranked.front]
        ranked = ranked.sort_values(["front", "mean"], ascending=False, kind="stable")
        surrogates, short = list(rows.surrogate.unique()), SHORT[str(rate)]
        yield {
            "title": f"{column} of the {short} rate" + (f", {data}" if table.rows.data.nunique() > 1 else ""),
            "x": plot.log_axis("gradient evaluations per image", ranked.cost),
            "y": plot.share_axis(f"{short}, %", ranked[["mean", "low", "high"]].to_numpy(float).ravel()),
            "points": [_point(table, cell, surrogates) for cell in lines_of(ranked)],
            "lines": [plot.Line(list(zip(front.cost, front["mean"], strict=True)))] if len(front) > 1 else [],
            "surrogates": surrogates,
            "left_out": list(rows["name"][~rows.index.isin(cells.row)]),
        }


def _point(table: SweepTable, cell: Any, surrogates: list[str]) -> plot.Point:
    row = table.rows.loc[cell.row]
    said = f"{row['name']} on {row.surrogate}: {wording.rate_text(cell)} %"
    interval = wording.interval_text(cell)
    said += f", 95 % interval {interval}" if interval else ""
    said += f", {cell.cost:g} gradients per image{', on the Pareto front' if cell.front else ''}"
    low, high = (cell.low, cell.high) if interval else (None, None)
    style, address = surrogates.index(row.surrogate), f"#row-{cell.row}"
    return plot.Point(cell.cost, cell.mean, said, low, high, style, row["name"], address, strong=cell.front)
