"""The page of a sweep, of a search, or of any folder of runs."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pandas as pd

from naa_lightning.atomic import write_atomically
from naa_lightning.records.results import RunResults, read_results
from naa_lightning.report.page import plot, search
from naa_lightning.report.page.comparability import differences
from naa_lightning.report.page.finding import whole_percent
from naa_lightning.report.page.rates import SHORT
from naa_lightning.report.page.run_page import FILE_NAME
from naa_lightning.report.page.sweep_finding import p_text, sweep_findings
from naa_lightning.report.page.template import rendered
from naa_lightning.report.page.wording import budget_text, counted, duration, listed, percent
from naa_lightning.report.sweep.cells import BLACK_BOX_MEAN, DEFENDED_MEAN
from naa_lightning.report.sweep.table import SweepTable
from naa_lightning.report.sweep.wording import block_title, differs, interval_text, rate_text

MEANS = (BLACK_BOX_MEAN, DEFENDED_MEAN)
_SWEEP_FILES = ("multirun.yaml", search.FILE_NAME)


class Scatter(NamedTuple):
    """Success against cost, of the rows of one data set and rate.

    Args:
        title: What it shows.
        x, y: The axes.
        points: The rows, those on the frontier first.
        lines: The Pareto frontier.
        surrogates: Their names, in the order of their styles.
        left_out: The names of rows whose gradients were not counted.
    """

    title: str
    x: plot.Axis
    y: plot.Axis
    points: list[plot.Point]
    lines: list[plot.Line]
    surrogates: list[str]
    left_out: list[str]


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
    links = {run: _link(run, folder) for run in records}
    found, unlike = search.read_search(folder, records), differences(table)
    page = rendered(
        "sweep.html.j2",
        styles=("style.css", "sweep.css"),
        scripts=("sort.js", "sweep.js"),
        title="Search" if found else "Runs" if _is_list(folder, unlike) else "Sweep",
        subtitle=_subtitle(list(records.values())),
        findings=sweep_findings(table),
        search=found,
        parameters=search.parameter_plots(found, links) if found else [],
        trials=_labels(table) if found else {},
        is_list=not found and _is_list(folder, unlike),
        table=table,
        cells={(cell.row, cell.column): cell for cell in table.cells.itertuples()},
        blocks=[(block_title(table, int(block)), rows, _indistinct(table, rows)) for block, rows in table.rows.groupby("block")],
        means=[name for name in MEANS if name in table.columns],
        targets=[name for name in table.columns if name not in MEANS],
        clean=_clean_accuracies(table),
        compared=table.cells[table.cells.baseline.notna()],
        rates=listed([SHORT[rate] for rate in table.rows.rate.unique()]),
        scatters=list(_scatters(table)),
        heads=table.runs.drop_duplicates("folder"),
        records=records,
        links=links,
        places={run: _relative(run, folder) for run in records},
        unlike=unlike,
        failed={_relative(run, folder): reason for run, reason in table.failed.items()},
        unfinished=[_relative(run, folder) for run in table.unfinished],
        plots=plot,
        **dict(known=pd.notna, duration=_duration, p_text=p_text, whole_percent=whole_percent),
        **dict(differs=differs, interval_text=interval_text, rate_text=rate_text),
    )
    path = folder / FILE_NAME
    write_atomically(path, page)
    return path


def _is_list(folder: Path, unlike: Mapping[str, Any]) -> bool:
    """Tell whether runs only happen to be in one folder."""
    return bool(unlike) and not any((folder / name).exists() for name in _SWEEP_FILES)


def _subtitle(records: list[RunResults]) -> str:
    """Return the number of runs and what they share."""
    shared = (
        {counted(record.images, "image") for record in records},
        {record.data for record in records},
        {budget_text(record.budget) for record in records},
        {"targeted" if record.targeted else "untargeted" for record in records},
    )
    return ", ".join([counted(len(records), "run"), *(str(value) for values in shared if len(values) == 1 for value in values if value)])


def _labels(table: SweepTable) -> dict[Path, str]:
    """Return the name of the row that each run is of."""
    return {folder: row.name for row in table.rows.itertuples() for folder in row.folders}


def _indistinct(table: SweepTable, rows: pd.DataFrame) -> list[str]:
    """Say once for a block which best rows cannot be told from the next, in which mean."""
    cells = table.cells[table.cells.row.isin(rows.index) & (table.cells.kind == "mean") & table.cells.best & ~table.cells.distinct]
    return [f"{cell.column}: {rows['name'][cell.row]} not distinguishable from {cell.runner_up}" for cell in cells.itertuples()]


def _clean_accuracies(table: SweepTable) -> dict[str, str]:
    """Return each target's clean accuracy in percent, a range where runs differ."""
    ends = table.cells.groupby("column").clean.agg(["min", "max"]).dropna()
    return {str(name): "\N{EN DASH}".join(dict.fromkeys(map(percent, row))) for name, *row in ends.itertuples()}


def _scatters(table: SweepTable) -> Iterator[Scatter]:
    """Yield success against gradients for the rows of each data set and rate."""
    for (data, rate), rows in table.rows.groupby(["data", "rate"], sort=False):
        known = rows.index[rows.gradient_evaluations > 0]
        cells = table.cells[table.cells.row.isin(known) & table.cells["mean"].notna()]
        column = next((name for name in MEANS if name in set(cells.column)), None)
        if column is None:
            continue
        cells = cells[cells.column == column].assign(cost=lambda found: found.row.map(rows.gradient_evaluations))
        ranked = cells.sort_values(["cost", "mean"], ascending=[True, False], kind="stable")
        front = ranked[ranked["mean"] > ranked["mean"].cummax().shift(fill_value=-1)]
        surrogates = list(rows.surrogate.unique())
        ordered = pd.concat([front, ranked.drop(front.index).sort_values("mean", ascending=False)])
        yield Scatter(
            title=f"{column} of the {SHORT[rate]} rate" + (f", {data}" if table.rows.data.nunique() > 1 else ""),
            x=plot.log_axis("gradient evaluations per image", ordered.cost),
            y=plot.share_axis(f"{SHORT[rate]}, %", ordered[["mean", "low", "high"]].to_numpy().ravel()),
            points=[_point(rows.loc[cell.row], cell, surrogates, on_front=cell.Index in front.index) for cell in ordered.itertuples()],
            lines=[plot.Line(list(zip(front.cost, front["mean"], strict=True)))] if len(front) > 1 else [],
            surrogates=surrogates,
            left_out=[name for row, name in rows["name"].items() if row not in set(cells.row)],
        )


def _point(row: Any, cell: Any, surrogates: list[str], *, on_front: bool) -> plot.Point:
    interval = None if pd.isna(cell.low) else (cell.low, cell.high)
    said = f"{row['name']} on {row.surrogate}: {rate_text(cell)} %"
    said += f", 95 % interval {interval_text(cell)}" if interval else ""
    return plot.Point(
        cell.cost,
        cell.mean,
        f"{said}, {cell.cost:g} gradients per image" + (", on the Pareto front" if on_front else ""),
        *(interval or (None, None)),
        style=surrogates.index(row.surrogate),
        name=row["name"],
        href=f"#row-{cell.row}",
        strong=on_front,
    )


def _duration(seconds: float) -> str:
    return duration(None if pd.isna(seconds) else seconds)


def _link(run: Path, folder: Path) -> str | None:
    page = run / FILE_NAME
    return quote(_relative(page, folder)) if page.exists() and run.resolve() != folder.resolve() else None


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()
