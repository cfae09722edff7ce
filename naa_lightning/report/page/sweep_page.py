"""The page of a sweep."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from naa_lightning.atomic import write_whole
from naa_lightning.report.page.comparability import differences
from naa_lightning.report.page.picture import embed
from naa_lightning.report.page.rates import SHORT
from naa_lightning.report.page.record import RateRecord, RunRecord, read_record
from naa_lightning.report.page.run_page import FILE_NAME, KeyFigure, key_figures, subtitle, title
from naa_lightning.report.page.template import rendered
from naa_lightning.report.page.wording import NONE, budget_text, counted, duration, percent
from naa_lightning.report.sweep.summary import HEAT_MAP, Summary
from naa_lightning.report.sweep.wording import cell_text, fact_heads, facts, legend


@dataclass(frozen=True)
class RunCell:
    """A run's headline rate on a target.

    Args:
        rate: The rate; None where the run has no predictions of the target.
        white_box: Whether the run attacked the target.
        failed: Whether the target failed.
        best: Whether no other run has a higher rate on the target.
    """

    rate: RateRecord | None
    white_box: bool
    failed: bool
    best: bool


@dataclass(frozen=True)
class RunRow:
    """A run of the sweep.

    Args:
        label: The attack and surrogate of the run, with its folder where two runs have the same.
        record: The results of the run.
        link: The address of its own page, relative to that of the sweep; None where there is none.
        subtitle: The images, the budget and the aim of the run.
        key_figures: The numbers that stand for the run.
        cells: The cells of the targets, in the order of the table's columns.
        mean: The mean rate over its undefended black-box targets.
        mean_is_best: Whether no other run has a higher one.
        members: The rates that it is the mean of.
        defended: The mean rate over its defended black-box targets.
        defended_is_best: Whether no other run has a higher one.
        defended_members: The rates that it is the mean of.
        gradients: Number of gradients per image, as text.
        seconds: Seconds per image, as text.
    """

    label: str
    record: RunRecord
    link: str | None
    subtitle: str
    key_figures: Sequence[KeyFigure]
    cells: Sequence[RunCell]
    mean: float | None
    mean_is_best: bool
    members: list[float]
    defended: float | None
    defended_is_best: bool
    defended_members: list[float]
    gradients: str
    seconds: str


@dataclass(frozen=True)
class TargetColumn:
    """A target of the sweep.

    Args:
        name: The name of the target.
        defended: Whether the target is defended.
        clean: The clean accuracy in percent, as text; a range where runs differ.
    """

    name: str
    defended: bool
    clean: str


def write_sweep_page(folder: Path, summary: Summary) -> Path:
    """Write a sweep's `report.html`, with the heat map that stands in its folder.

    Args:
        folder: The sweep's folder.
        summary: The table of the sweep.

    Returns:
        The path of the page.

    Raises:
        UserError: A run's `results.json` has been damaged or removed since it was read.
    """
    records = _labelled({run: read_record(run) for run in summary.folders})
    columns = _columns([record for _, record in records.values()])
    rows = _rows(folder, records, columns)
    headlines = dict.fromkeys(SHORT[row.record.headline] for row in rows)
    page = rendered(
        "sweep.html.j2",
        title="Sweep",
        subtitle=_subtitle(rows),
        rate=" or ".join(headlines) or SHORT["success_rate"],
        rows=rows,
        columns=columns,
        show_data=len({row.record.data for row in rows}) > 1,
        show_budget=len({row.record.budget for row in rows}) > 1,
        show_rate=len(headlines) > 1,
        short=SHORT,
        budget_text=budget_text,
        any_defended=any(row.defended is not None for row in rows),
        differences=differences({row.label: row.record for row in rows}),
        summary=summary,
        lines=[(block, row, facts(summary, block, row)) for block in summary.blocks for row in block.rows],
        heads=fact_heads(summary),
        places=sorted(range(len(summary.columns)), key=lambda place: summary.columns[place].kind != "mean"),
        legend=legend(summary, best="Bold"),
        cell_text=cell_text,
        heat_map=embed(folder / HEAT_MAP, "The table in colours") if summary.rows else None,
        failed={_relative(run, folder): reason for run, reason in summary.failed.items()},
        unfinished=[_relative(run, folder) for run in summary.unfinished],
    )
    path = folder / FILE_NAME
    write_whole(path, page)
    return path


def _labelled(records: Mapping[Path, RunRecord]) -> dict[Path, tuple[str, RunRecord]]:
    """Name runs by attack and surrogate; those of the same name, by their folder as well."""
    names = [title(record) for record in records.values()]
    return {
        run: (f"{name} ({run.name})" if names.count(name) > 1 else name, record)
        for (run, record), name in zip(records.items(), names, strict=True)
    }


def _subtitle(rows: Sequence[RunRow]) -> str:
    parts = [counted(len(rows), "run")]
    for values in (
        {counted(row.record.images, "image") for row in rows},
        {row.record.data for row in rows},
        {budget_text(row.record.budget) for row in rows},
        {"targeted" if row.record.targeted else "untargeted" for row in rows},
    ):
        shared = values.pop() if len(values) == 1 else None
        parts += [shared] if shared else []
    return ", ".join(parts)


def _columns(records: Sequence[RunRecord]) -> list[TargetColumn]:
    """Return the targets of all runs, also those that failed, those without a defence first."""
    defended: dict[str, bool] = {}
    for record in records:
        for name, target in record.targets.items():
            defended.setdefault(name, bool(target.defences))
        for name in record.failed:
            defended.setdefault(name, "+" in name)
    ordered = sorted(defended, key=lambda name: defended[name])
    return [TargetColumn(name, defended[name], _clean(name, records)) for name in ordered]


def _clean(name: str, records: Sequence[RunRecord]) -> str:
    rates = [record.targets[name].clean_accuracy.value for record in records if name in record.targets]
    shown = list(dict.fromkeys(percent(value) for value in sorted(rate for rate in rates if rate is not None)))
    return NONE if not shown else shown[0] if len(shown) == 1 else f"{shown[0]}\N{EN DASH}{shown[-1]}"


def _rows(folder: Path, records: Mapping[Path, tuple[str, RunRecord]], columns: Sequence[TargetColumn]) -> list[RunRow]:
    known = [record for _, record in records.values()]
    best = {column.name: _best_on(column.name, known) for column in columns}
    best_mean = _best((record.headline, record.headline_mean(defended=False)) for record in known)
    best_defended = _best((record.headline, record.headline_mean(defended=True)) for record in known)
    rows = []
    for run, (label, record) in records.items():
        mean, defended = record.headline_mean(defended=False), record.headline_mean(defended=True)
        gradients, seconds = (record.cost.get(f"{key}_per_image") for key in ("gradient_evaluations", "seconds"))
        rows.append(
            RunRow(
                label=label,
                record=record,
                link=_link(run, folder),
                subtitle=subtitle(record),
                key_figures=key_figures(record),
                cells=[_cell(column.name, record, best[column.name]) for column in columns],
                mean=mean,
                mean_is_best=mean is not None and mean == best_mean.get(record.headline),
                members=_members(record, defended=False),
                defended=defended,
                defended_is_best=defended is not None and defended == best_defended.get(record.headline),
                defended_members=_members(record, defended=True),
                gradients=NONE if gradients is None else f"{gradients:g}",
                seconds=duration(seconds),
            )
        )
    return rows


def _members(record: RunRecord, *, defended: bool) -> list[float]:
    targets = record.select("black-box", defended=defended).values()
    return [rate for target in targets if (rate := target.rate(record.headline).value) is not None]


def _cell(name: str, record: RunRecord, best: Mapping[str, float]) -> RunCell:
    target = record.targets.get(name)
    if target is None:
        return RunCell(None, white_box=False, failed=name in record.failed, best=False)
    rate, white_box = target.rate(record.headline), target.role == "white-box"
    marked = not white_box and rate.value is not None and rate.value == best.get(record.headline)
    return RunCell(rate, white_box=white_box, failed=False, best=marked)


def _best_on(name: str, records: Iterable[RunRecord]) -> dict[str, float]:
    """Return the largest rate that runs reach on a target that they did not attack, by the runs' headline."""
    return _best(
        (record.headline, record.targets[name].rate(record.headline).value)
        for record in records
        if name in record.targets and record.targets[name].role == "black-box"
    )


def _best(values: Iterable[tuple[str, float | None]]) -> dict[str, float]:
    """Return the largest of the values that share a key; nothing for a value without another one."""
    known: dict[str, list[float]] = {}
    for headline, value in values:
        if value is not None:
            known.setdefault(headline, []).append(value)
    return {headline: max(found) for headline, found in known.items() if len(found) > 1}


def _link(run: Path, folder: Path) -> str | None:
    page = run / FILE_NAME
    return quote(_relative(page, folder)) if page.exists() and run.resolve() != folder.resolve() else None


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()
