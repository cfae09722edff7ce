"""The page of a sweep, of a search, or of any folder of runs."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from naa_lightning.report.definitions import SHORT
from naa_lightning.report.loading import lines_of
from naa_lightning.report.page import plot, search
from naa_lightning.report.page.comparability import differences, facts_of
from naa_lightning.report.page.template import FILE_NAME, write_page
from naa_lightning.report.sweep import wording
from naa_lightning.report.sweep.cells import MEANS
from naa_lightning.report.sweep.finding import sweep_findings
from naa_lightning.report.sweep.table import SweepTable
from naa_lightning.report.wording import counted, listed, percent

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
    """
    records = table.records
    jobs = (*records, *table.failed, *table.unfinished)
    places = {job: Path(os.path.relpath(job, folder)).as_posix() for job in jobs}
    links = {run: quote(f"{places[run]}/{FILE_NAME}") if _has_page(run, folder) else None for run in records}
    found, facts = search.read_search(folder, records), facts_of(records)
    unlike = differences(facts, table)
    shared = [facts[name].iloc[0] for name in facts if name in _ALIKE and facts[name].nunique(dropna=False) == 1]
    is_list = not found and _is_list(folder, unlike)
    heads, compared = table.runs.drop_duplicates("folder"), table.cells[table.cells.baseline.notna()]
    return write_page(
        folder,
        "sweep.html.j2",
        title="Search" if found else "Runs" if is_list else "Sweep",
        subtitle=", ".join([counted(len(records), "run"), *filter(None, shared)]),
        findings=sweep_findings(table),
        search=found,
        parameters=search.parameter_plots(found, links) if found else [],
        is_list=is_list,
        table=table,
        cells={(cell.row, cell.column): cell for cell in table.cells.itertuples()},
        blocks=list(table.rows.groupby("title", sort=False)),
        means=[name for name in table.columns if name in MEANS],
        targets=[name for name in table.columns if name not in MEANS],
        clean=_clean_accuracies(table),
        compared=compared,
        rates=listed([SHORT[rate] for rate in table.rows.rate.unique()]),
        scatters=list(_scatters(table)),
        heads=heads.sort_values("started", ascending=False, kind="stable") if is_list else heads,
        several=[name for name in ("surrogate", "attack", "data") if heads[name].nunique() > 1],
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


def _lost(table: SweepTable) -> dict[str, str]:
    """Return the reasons why targets could not be asked, by the target and what was to be tried on it."""
    runs = table.runs.assign(
        run=(table.runs.attack + " " + table.runs.setting).str.strip() + " on " + table.runs.surrogate
    )
    lost: list[Any] = list(runs.dropna(subset="failed").groupby(["target", "failed"], sort=False).run.unique().items())
    return {f"{target}, by {listed(list(tried))}": reason for (target, reason), tried in lost}


def _clean_accuracies(table: SweepTable) -> dict[str, str]:
    """Return each target's clean accuracy in percent, a range where runs differ."""
    ends = table.runs.groupby("target").clean_accuracy.agg(["min", "max"]).dropna().map(percent)
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
            "column": column,
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
