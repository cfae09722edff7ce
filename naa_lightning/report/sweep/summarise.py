"""From the runs of a sweep to its table."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from naa_lightning.metrics.mcnemar import holm
from naa_lightning.records.results import RunResults
from naa_lightning.report.page.wording import counted, listed
from naa_lightning.report.sweep.folder import SweepFolder, SweepRun
from naa_lightning.report.sweep.paired import DiscordantPairs, compare
from naa_lightning.report.sweep.rows import RunsOfBlock, RunsOfRow, arrange
from naa_lightning.report.sweep.summary import Block, Cell, Column, Comparison, Row, Summary

BLACK_BOX_MEAN = Column("black-box mean", "mean")
DEFENDED_MEAN = Column("defended mean", "mean")
# What rounding may take from a rate that ties.
_ROUNDING = 1e-12
# The places of a block, a row in it and a column.
_Place = tuple[int, int, int]


def summarise_sweep(sweep: SweepFolder, baseline: str | None = None) -> Summary:
    """Make the table of a sweep.

    Args:
        sweep: The runs of the sweep.
        baseline: The attack, setting or both of the row of each block that the others are compared with; None for the
            `report.baseline` of the newest run, or else the first row.
    """
    arranged, notices = arrange(sweep.runs)
    columns = _columns([run.record for run in sweep.runs])
    baseline = baseline or _baseline_of(sweep.runs)
    tests: dict[_Place, tuple[str, DiscordantPairs]] = {}
    chosen = [_chosen(block, baseline) for block in arranged]
    for number, (block, other) in enumerate(zip(arranged, chosen, strict=True)):
        if other is None:
            notices.append(f"no row of {block.surrogate} is called {baseline}, the baseline: nothing is compared")
        elif len(block.rows) > 1:
            pairs = _tests(block, other, columns, notices)
            tests |= {(number, *where): (other.name, found) for where, found in pairs.items()}
        notices += _seeds_notice(block)
    adjusted = holm([pairs.p for _, pairs in tests.values()])
    comparisons = {
        where: Comparison(name, pairs.better, pairs.worse, pairs.p, p_holm)
        for (where, (name, pairs)), p_holm in zip(tests.items(), adjusted, strict=True)
    }
    notices += [f"{folder.name} is left out: {reason}" for folder, reason in sweep.unreadable.items()]
    notices += [f"{folder.name} is in no test: {reason}" for folder, reason in sweep.untested.items()]
    return Summary(
        columns=tuple(columns),
        blocks=tuple(
            _block(number, block, columns, other, comparisons)
            for number, (block, other) in enumerate(zip(arranged, chosen, strict=True))
        ),
        notices=notices,
        failed=sweep.failed,
        unfinished=sweep.unfinished,
        folders=[run.folder for run in sweep.runs],
    )


def _columns(records: Sequence[RunResults]) -> list[Column]:
    """Return the targets of all runs, also those that failed, then the means that runs have."""
    defended: dict[str, bool] = {}
    for record in records:
        defended |= {name: bool(target.defences) for name, target in record.targets.items()}
    for record in records:
        for name in record.failed:
            defended.setdefault(name, "+" in name)
    targets = [Column(name, "defended" if defended[name] else "undefended") for name in defended]
    means = [
        column
        for column in (BLACK_BOX_MEAN, DEFENDED_MEAN)
        if any(_rate(record, column) is not None for record in records)
    ]
    return [*sorted(targets, key=lambda column: column.kind == "defended"), *means]


def _rate(record: RunResults, column: Column) -> float | None:
    if column.kind == "mean":
        return record.headline_mean(defended=column == DEFENDED_MEAN)
    target = record.targets.get(column.name)
    return None if target is None else target.rate(record.headline).value


def _baseline_of(runs: Sequence[SweepRun]) -> str | None:
    """Return the `report.baseline` of the newest run."""
    newest = max(runs, key=lambda run: run.modified, default=None)
    report = {} if newest is None else newest.record.config.get("report")
    name = report.get("baseline") if isinstance(report, Mapping) else None
    return None if name is None else str(name)


def _chosen(block: RunsOfBlock, baseline: str | None) -> RunsOfRow | None:
    if baseline is None:
        return block.rows[0]
    named = (row for row in block.rows if baseline in (row.attack, row.setting, row.name))
    return next(named, None)


def _block(
    number: int,
    block: RunsOfBlock,
    columns: Sequence[Column],
    baseline: RunsOfRow | None,
    comparisons: Mapping[_Place, Comparison],
) -> Block:
    cells = [
        [_cell(row, column, comparisons.get((number, place, at))) for at, column in enumerate(columns)]
        for place, row in enumerate(block.rows)
    ]
    best = [_best(row[place] for row in cells) for place in range(len(columns))]
    rows = [
        Row(
            attack=row.attack,
            setting=row.setting,
            seeds=tuple(row.runs),
            folders=tuple(run.folder for run in row.runs.values()),
            cells=tuple(replace(cell, best=_is(cell, highest)) for cell, highest in zip(of_row, best, strict=True)),
            is_baseline=row is baseline and len(block.rows) > 1,
        )
        for row, of_row in zip(block.rows, cells, strict=True)
    ]
    return Block(block.surrogate, block.data, block.rate, tuple(rows))


def _cell(row: RunsOfRow, column: Column, comparison: Comparison | None) -> Cell:
    records = [run.record for run in row.runs.values()]
    known = tuple(rate for record in records if (rate := _rate(record, column)) is not None)
    comparison = comparison if known else None
    if column.kind == "mean":
        return Cell(known, comparison=comparison)
    roles = {record.targets[column.name].role for record in records if column.name in record.targets}
    failed = any(column.name in record.failed for record in records)
    return Cell(known, white_box="white-box" in roles, failed=failed, comparison=comparison)


def _best(cells: Iterable[Cell]) -> float | None:
    """Return the highest of several means; None where there is one or none."""
    means = [cell.mean for cell in cells if not cell.white_box and cell.mean is not None]
    return max(means) if len(means) > 1 else None


def _is(cell: Cell, highest: float | None) -> bool:
    return highest is not None and cell.mean is not None and not cell.white_box and cell.mean >= highest - _ROUNDING


def _tests(
    block: RunsOfBlock, baseline: RunsOfRow, columns: Sequence[Column], notices: list[str]
) -> dict[tuple[int, int], DiscordantPairs]:
    """Compare the rows of a block with its baseline, by row and column."""
    theirs = {seed: run.outcomes for seed, run in baseline.runs.items()}
    found: dict[tuple[int, int], DiscordantPairs] = {}
    for place, row in enumerate(block.rows):
        if row is baseline:
            continue
        ours = {seed: run.outcomes for seed, run in row.runs.items()}
        of_row = {
            (place, number): pairs
            for number, column in enumerate(columns)
            if (pairs := compare(ours, theirs, _members(row, column))) is not None
        }
        if not of_row:
            notices.append(
                f"{row.name} on {block.surrogate} is not compared: it shares no seed and images with the baseline"
            )
        found |= of_row
    return found


def _members(row: RunsOfRow, column: Column) -> list[str]:
    """Return the target of a column, or the targets of a mean."""
    if column.kind != "mean":
        return [column.name]
    defended = column == DEFENDED_MEAN
    members = (run.record.select("black-box", defended=defended) for run in row.runs.values())
    return list(dict.fromkeys(name for targets in members for name in targets))


def _seeds_notice(block: RunsOfBlock) -> list[str]:
    """Return a notice for each row that lacks seeds of others of the block."""
    seeds = list(dict.fromkeys(seed for row in block.rows for seed in row.runs))
    lines = []
    for row in block.rows:
        lacking = [str(seed) for seed in seeds if seed not in row.runs]
        if lacking:
            noun = "seed" if len(lacking) == 1 else "seeds"
            over = counted(len(row.runs), "seed")
            lines.append(f"{row.name} on {block.surrogate} lacks {noun} {listed(lacking)}: its mean is over {over}")
    return lines
