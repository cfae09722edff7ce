"""The page of a sweep."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from naa_lightning.atomic import write_atomically
from naa_lightning.records.results import RunResults, read_results
from naa_lightning.report.page.comparability import differences
from naa_lightning.report.page.picture import embed
from naa_lightning.report.page.rates import SHORT
from naa_lightning.report.page.run_page import FILE_NAME, key_figures, subtitle, title
from naa_lightning.report.page.template import rendered
from naa_lightning.report.page.wording import NONE, budget_text, counted, duration, percent
from naa_lightning.report.sweep.summary import HEAT_MAP, Summary
from naa_lightning.report.sweep.wording import cell_text, fact_heads, facts, legend


@dataclass(frozen=True)
class RunRow:
    """A run of the sweep.

    Args:
        label: The attack and surrogate of the run, with its folder where two runs have the same.
        record: The results of the run.
        link: The address of its own page, relative to that of the sweep; None where there is none.
        best: The targets, and the means, on which no other run has a higher headline rate; white-box targets aside.
    """

    label: str
    record: RunResults
    link: str | None
    best: set[str]


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
    rows = _rows(folder, summary.folders)
    headlines = dict.fromkeys(SHORT[row.record.headline] for row in rows)
    page = rendered(
        "sweep.html.j2",
        title="Sweep",
        subtitle=_subtitle(rows),
        rate=" or ".join(headlines) or SHORT["success_rate"],
        rows=rows,
        columns=_clean_accuracies([row.record for row in rows]),
        show_data=len({row.record.data for row in rows}) > 1,
        show_budget=len({row.record.budget for row in rows}) > 1,
        show_rate=len(headlines) > 1,
        short=SHORT,
        budget_text=budget_text,
        any_defended=any(row.record.headline_mean(defended=True) is not None for row in rows),
        run_subtitle=subtitle,
        key_figures=key_figures,
        duration=duration,
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
    write_atomically(path, page)
    return path


def _rows(folder: Path, runs: Sequence[Path]) -> list[RunRow]:
    """Name runs by attack and surrogate; those of the same name, by their folder as well."""
    records = [read_results(run) for run in runs]
    names = [title(record) for record in records]
    return [
        RunRow(f"{name} ({run.name})" if names.count(name) > 1 else name, record, _link(run, folder), best)
        for run, record, name, best in zip(runs, records, names, _best(records), strict=True)
    ]


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


def _clean_accuracies(records: Sequence[RunResults]) -> dict[str, str]:
    """Return the clean accuracy of all runs' targets, also of those that failed, those without a defence first."""
    defended: dict[str, bool] = {}
    for record in records:
        for name, target in record.targets.items():
            defended.setdefault(name, bool(target.defences))
        for name in record.failed:
            defended.setdefault(name, "+" in name)
    return {name: _clean(name, records) for name in sorted(defended, key=lambda name: defended[name])}


def _clean(name: str, records: Sequence[RunResults]) -> str:
    """Return a target's clean accuracy in percent, a range where runs differ."""
    rates = [record.targets[name].clean_accuracy.value for record in records if name in record.targets]
    shown = list(dict.fromkeys(percent(value) for value in sorted(rate for rate in rates if rate is not None)))
    return NONE if not shown else shown[0] if len(shown) == 1 else f"{shown[0]}\N{EN DASH}{shown[-1]}"


def _best(records: Sequence[RunResults]) -> list[set[str]]:
    """Return each run's best columns; a value is best among several runs of the same headline rate."""
    rates = [_rates(record) for record in records]
    found: dict[tuple[str, str], list[float]] = {}
    for record, of_run in zip(records, rates, strict=True):
        for column, rate in of_run.items():
            found.setdefault((record.headline, column), []).append(rate)
    highest = {key: max(values) for key, values in found.items() if len(values) > 1}
    return [
        {column for column, rate in of_run.items() if rate == highest.get((record.headline, column))}
        for record, of_run in zip(records, rates, strict=True)
    ]


def _rates(record: RunResults) -> dict[str, float]:
    """Return the headline rates of a run on targets that it did not attack, and their means, by column."""
    means = {
        "black-box mean": record.headline_mean(defended=False),
        "defended mean": record.headline_mean(defended=True),
    }
    black_box = {name: target for name, target in record.targets.items() if target.role == "black-box"}
    rates = means | {name: target.rate(record.headline).value for name, target in black_box.items()}
    return {column: rate for column, rate in rates.items() if rate is not None}


def _link(run: Path, folder: Path) -> str | None:
    page = run / FILE_NAME
    return quote(_relative(page, folder)) if page.exists() and run.resolve() != folder.resolve() else None


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()
