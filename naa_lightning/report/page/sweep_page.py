"""The page of a sweep."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from naa_lightning.atomic import write_atomically
from naa_lightning.report.page.alike import differences
from naa_lightning.report.page.picture import embed
from naa_lightning.report.page.rates import SHORT
from naa_lightning.report.page.record import Rate, Record, mean_of, read_record
from naa_lightning.report.page.run_page import FILE_NAME, KeyFigure, key_figures, subtitle, title
from naa_lightning.report.page.template import rendered
from naa_lightning.report.page.wording import NONE, budget_text, counted, duration, percent
from naa_lightning.report.sweep.summary import HEAT_MAP, Summary
from naa_lightning.report.sweep.words import fact_heads, facts, legend, number


@dataclass(frozen=True)
class Cell:
    """A run's headline rate on a target.

    Args:
        rate: The rate; None where the run did not ask the target.
        white_box: Whether the run attacked the target.
        failed: Whether the target could not be asked.
        best: Whether no other run does better on it.
    """

    rate: Rate | None
    white_box: bool
    failed: bool
    best: bool


@dataclass(frozen=True)
class Row:
    """A run of the sweep.

    Args:
        label: Its attack and surrogate, and its folder where two runs have the same.
        record: Its numbers.
        link: To its own page, relative to that of the sweep; None where there is none.
        subtitle: What its numbers are about.
        key_figures: What stands for it.
        cells: Of the targets, in the order of the table's columns.
        mean: Over its undefended black-box targets.
        mean_is_best: Whether no other run has a larger one.
        members: What it is the mean of.
        defended: Mean over its defended black-box targets.
        defended_is_best: Whether no other run has a larger one.
        defended_members: What it is the mean of.
        gradients: Evaluations per image.
        seconds: Per image.
    """

    label: str
    record: Record
    link: str | None
    subtitle: str
    key_figures: Sequence[KeyFigure]
    cells: Sequence[Cell]
    mean: float | None
    mean_is_best: bool
    members: list[float]
    defended: float | None
    defended_is_best: bool
    defended_members: list[float]
    gradients: str
    seconds: str


@dataclass(frozen=True)
class Column:
    """A target of the sweep.

    Args:
        name: Its name.
        defended: Whether a defence stands before it.
        clean: Its clean accuracy in percent; a range where runs differ.
    """

    name: str
    defended: bool
    clean: str


def write_sweep_page(folder: Path, summary: Summary) -> Path:
    """Write a sweep's `report.html`, with the heat map that stands in its folder.

    Args:
        folder: Of the sweep.
        summary: Its table.

    Returns:
        The page.

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
        number=number,
        heat_map=embed(folder / HEAT_MAP, "The table in colours") if summary.rows else None,
        failed={_relative(run, folder): reason for run, reason in summary.failed.items()},
        unfinished=[_relative(run, folder) for run in summary.unfinished],
    )
    path = folder / FILE_NAME
    write_atomically(path, page)
    return path


def _labelled(records: Mapping[Path, Record]) -> dict[Path, tuple[str, Record]]:
    """Name runs by attack and surrogate; those that would be called the same, by their folder as well."""
    names = [title(record) for record in records.values()]
    return {
        run: (f"{name} ({run.name})" if names.count(name) > 1 else name, record)
        for (run, record), name in zip(records.items(), names, strict=True)
    }


def _subtitle(rows: Sequence[Row]) -> str:
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


def _columns(records: Sequence[Record]) -> list[Column]:
    """Return every target that any run asked or wanted to ask, those without a defence first."""
    defended: dict[str, bool] = {}
    for record in records:
        for name, target in record.targets.items():
            defended.setdefault(name, bool(target.defences))
        for name in record.failed:
            defended.setdefault(name, "+" in name)
    ordered = sorted(defended, key=lambda name: defended[name])
    return [Column(name, defended[name], _clean(name, records)) for name in ordered]


def _clean(name: str, records: Sequence[Record]) -> str:
    rates = [record.targets[name].clean_accuracy.value for record in records if name in record.targets]
    shown = list(dict.fromkeys(percent(value) for value in sorted(rate for rate in rates if rate is not None)))
    return NONE if not shown else shown[0] if len(shown) == 1 else f"{shown[0]}\N{EN DASH}{shown[-1]}"


def _rows(folder: Path, records: Mapping[Path, tuple[str, Record]], columns: Sequence[Column]) -> list[Row]:
    known = [record for _, record in records.values()]
    best = {column.name: _best_on(column.name, known) for column in columns}
    best_mean = _best((record.headline, mean_of(record.black_box_mean, record.headline)) for record in known)
    best_defended = _best((record.headline, mean_of(record.defended_mean, record.headline)) for record in known)
    rows = []
    for run, (label, record) in records.items():
        mean = mean_of(record.black_box_mean, record.headline)
        defended = mean_of(record.defended_mean, record.headline)
        gradients, seconds = (record.cost.get(f"{key}_per_image") for key in ("gradient_evaluations", "seconds"))
        rows.append(
            Row(
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


def _members(record: Record, *, defended: bool) -> list[float]:
    rates = [
        target.rate(record.headline).value
        for target in record.targets.values()
        if target.role == "black-box" and bool(target.defences) == defended
    ]
    return [rate for rate in rates if rate is not None]


def _cell(name: str, record: Record, best: Mapping[str, float]) -> Cell:
    target = record.targets.get(name)
    if target is None:
        return Cell(None, white_box=False, failed=name in record.failed, best=False)
    rate, white_box = target.rate(record.headline), target.role == "white-box"
    marked = not white_box and rate.value is not None and rate.value == best.get(record.headline)
    return Cell(rate, white_box=white_box, failed=False, best=marked)


def _best_on(name: str, records: Iterable[Record]) -> dict[str, float]:
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
