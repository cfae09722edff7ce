"""The table of a sweep: rows of surrogate, attack and setting against targets, tested in pairs."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from naa_lightning.metrics.estimate import estimate
from naa_lightning.metrics.mcnemar import holm
from naa_lightning.metrics.wilson import Rate
from naa_lightning.records.results import RunResults, headline_rate
from naa_lightning.report.load import frame_of
from naa_lightning.report.page.wording import counted, listed
from naa_lightning.report.sweep.folder import read_sweep
from naa_lightning.report.sweep.paired import PAIRED_BY, DiscordantPairs, compare, differences

ALPHA = 0.05
"""The adjusted p-value below which two rows differ."""

BLACK_BOX_MEAN, DEFENDED_MEAN = "black-box mean", "defended mean"

_BLOCK = ["surrogate", "data", "rate"]
_ROWS = (
    *("block", "surrogate", "attack", "setting", "data", "rate", "name", "seeds", "folders"),
    *("gradient_evaluations", "seconds_per_image", "is_baseline"),
)
_CELLS = (
    *("row", "column", "kind", "white_box", "failed", "mean", "low", "high", "spread", "seeds", "clean"),
    *("targets", "left_out", "baseline", "better", "worse", "p", "p_holm"),
    *("best", "runner_up", "p_best", "distinct"),
)
# What rounding may take from a rate that ties.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class SweepTable:
    """The table of a sweep, with what a reader must know. What is not known is missing: NaN or None.

    Args:
        runs: The finished runs, as `naa_lightning.report.load` gives them, also those that do not count.
        rows: One line for each row of the table, that is for runs that differ in nothing but their seed: `block`, the
            number of the rows of one surrogate, data set and rate, which can be compared; `surrogate`, `attack`,
            `setting`, `data`; `rate`, the headline; `name`, attack and setting; `seeds` and `folders`, tuples;
            `gradient_evaluations` and `seconds_per_image`, means; `is_baseline`, whether others are compared with it.
            The index counts the rows block by block, in the order of the jobs.
        cells: One line for each row and column that has a rate or failed: `row`; `column`; `kind`, "undefended",
            "defended" or "mean"; `white_box`, whether the images were crafted on the target's model; `failed`, whether
            the target failed in a run; `mean` of the headline rate over seeds; `low` and `high`, the 95 % interval
            for other images, Wilson's where a rate is over one target; `spread`, the standard deviation over seeds;
            `seeds`, their number; `clean`, the mean clean accuracy; `targets` that a mean is over, a tuple; `left_out`,
            the reason why targets are not among them; `baseline`, the name of the row compared with, the numbers of
            images on which this row is `better` and `worse`, the `p`-value, and `p_holm`, adjusted for all tests of the
            table; `best`, whether no row of the block is higher, white-box cells aside; of such a cell the
            `runner_up`, the name of the next row, `p_best`, the adjusted p-value against it, and `distinct`, whether
            it is better by more than chance.
        columns: The targets, those without a defence first, then the means.
        notices: Sentences that a reader must know.
        failed: The reason why a job failed, by its folder.
        unfinished: The folders of jobs that neither finished nor failed.
    """

    runs: pd.DataFrame
    rows: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(_ROWS)))
    cells: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(_CELLS)))
    columns: Sequence[str] = ()
    notices: Sequence[str] = ()
    failed: Mapping[Path, str] = field(default_factory=dict)
    unfinished: Sequence[Path] = ()


def read_sweep_table(folders: Sequence[Path], baseline: str | None = None) -> SweepTable:
    """Read the runs of a sweep and compare them.

    Args:
        folders: The folders of the runs, finished or not.
        baseline: The attack, setting or both of the row of each block that the others are compared with; None for the
            `report.baseline` of the newest run, or else the first row.
    """
    sweep = read_sweep(folders)
    runs = frame_of(sweep.records)
    if runs.empty:
        return SweepTable(runs, notices=sweep.notices, failed=sweep.failed, unfinished=sweep.unfinished)
    placed, repeated = _placed(runs)
    baseline = baseline or _baseline_of(runs, sweep.records)
    rows = _rows(placed, baseline)
    answers = _answers(runs, placed)
    columns = _columns(answers)
    outcomes = _outcomes(placed, sweep.outcomes)
    cells = pd.concat([_targets(answers), _means(answers, outcomes)])
    cells = cells.assign(place=cells.column.map(columns.index)).sort_values(["row", "place"], ignore_index=True)
    cells = _tested(cells, rows, outcomes)
    return SweepTable(
        runs=runs,
        rows=rows,
        cells=cells,
        columns=[name for name in columns if name in set(cells.column)],
        notices=[*repeated, *_notices(rows, cells, outcomes, baseline), *sweep.notices],
        failed=sweep.failed,
        unfinished=sweep.unfinished,
    )


def _placed(runs: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Give each run its block and row; of runs of one row and seed only the one that was written last stays.

    Returns:
        One line per run that counts, and a notice for each that does not.
    """
    heads = runs.drop_duplicates("folder").copy()
    heads["rate"] = [headline_rate(targeted=targeted) for targeted in heads.targeted]
    heads["block"] = heads.groupby(_BLOCK, sort=False).ngroup()
    heads = heads.sort_values("block", kind="stable")
    heads["row"] = heads.groupby(["block", "attack", "setting"], sort=False).ngroup()
    kept = heads.sort_values("written", kind="stable").groupby(["row", "seed"], dropna=False).folder.transform("last")
    notices = [
        f"{folder.name} does not count: {kept[place].name} is the same run, and was written later"
        for place, folder in heads.folder.items()
        if folder != kept[place]
    ]
    return heads[heads.folder == kept.reindex(heads.index)], notices


def _baseline_of(runs: pd.DataFrame, records: Mapping[Path, RunResults]) -> str | None:
    """Return the `report.baseline` of the newest run."""
    report = records[runs.folder[runs.written.idxmax()]].config.get("report")
    name = report.get("baseline") if isinstance(report, Mapping) else None
    return None if name is None else str(name)


def _rows(placed: pd.DataFrame, baseline: str | None) -> pd.DataFrame:
    first = {name: (name, "first") for name in ("block", "surrogate", "attack", "setting", "data", "rate")}
    rows = placed.groupby("row").agg(
        **first,
        seeds=("seed", lambda seeds: tuple(None if pd.isna(seed) else int(seed) for seed in seeds)),
        folders=("folder", tuple),
        gradient_evaluations=("gradient_evaluations", "mean"),
        seconds_per_image=("seconds_per_image", "mean"),
    )
    rows["name"] = (rows.attack + " " + rows.setting).str.rstrip()
    chosen = set()
    for _, block in rows.groupby("block"):
        named = block[[baseline in (None, *row) for row in zip(block.attack, block.setting, block["name"], strict=True)]]
        chosen |= set(named.index[:1]) if len(block) > 1 else set()
    return rows.assign(is_baseline=rows.index.isin(chosen))[list(_ROWS)]


def _answers(runs: pd.DataFrame, placed: pd.DataFrame) -> pd.DataFrame:
    """Return one line per counting run and target, with its row, kind and headline rate."""
    answers = runs.dropna(subset="target").merge(placed[["folder", "row", "block", "rate"]], on="folder")
    answers["column"] = answers.target
    answers["kind"] = (answers.defences != "").map({True: "defended", False: "undefended"})
    answers["white_box"] = answers.role == "white-box"
    answers["lost"] = answers.failed.notna()
    for name, suffix in (("value", ""), ("count", "_count"), ("total", "_total")):
        aimed, usual = answers[f"target_rate{suffix}"], answers[f"success_rate{suffix}"]
        answers[name] = usual.where(answers.rate == "success_rate", aimed)
    answers["draws"] = answers.repeats.where(answers.value.notna())
    return answers


def _columns(answers: pd.DataFrame) -> list[str]:
    """Return the targets of all runs, those that always failed behind the others, then the means."""
    ordered = answers.sort_values("lost", kind="stable").drop_duplicates("column")
    targets = [name for kind in ("undefended", "defended") for name in ordered.column[ordered.kind == kind]]
    return [*targets, BLACK_BOX_MEAN, DEFENDED_MEAN]


def _targets(answers: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of targets."""
    cells = answers.groupby(["row", "column"], sort=False, as_index=False).agg(
        kind=("kind", "first"),
        white_box=("white_box", "any"),
        failed=("lost", "any"),
        mean=("value", "mean"),
        spread=("value", "std"),
        seeds=("value", "count"),
        clean=("clean_accuracy", "mean"),
        count=("count", "sum"),
        total=("total", "sum"),
        draws=("draws", "sum"),
    )
    counts = zip(cells["count"], cells.total, cells.draws, strict=True)
    ends = [Rate(int(count), int(total), int(draws)).interval for count, total, draws in counts]
    return cells.assign(low=[low for low, _ in ends], high=[high for _, high in ends])[
        cells["mean"].notna() | cells.failed
    ]


def _means(answers: pd.DataFrame, outcomes: Mapping[int, pd.DataFrame]) -> pd.DataFrame:
    """Return the cells of means over black-box targets."""
    black = answers[~answers.white_box]
    black = black.assign(
        column=black.kind.map({"undefended": BLACK_BOX_MEAN, "defended": DEFENDED_MEAN}),
        reason=black.failed.fillna("no image counts"),
    )
    by_run = black.groupby(["row", "column", "folder"], sort=False)[["value", "clean_accuracy"]].mean()
    cells = by_run.dropna(subset="value").groupby(["row", "column"], sort=False, as_index=False)
    cells = cells.agg(
        mean=("value", "mean"), spread=("value", "std"), seeds=("value", "count"), clean=("clean_accuracy", "mean")
    )
    members = dict(iter(black.groupby(["row", "column"])))
    found = []
    for row, column in zip(cells.row, cells.column, strict=True):
        of_cell = members[row, column]
        known = of_cell.value.notna()
        targets = tuple(of_cell.target[known].unique())
        low, high = _interval(outcomes[row], targets)
        left_out = dict(zip(of_cell.target[~known], of_cell.reason[~known], strict=True))
        found.append({"targets": targets, "left_out": left_out, "low": low, "high": high})
    described = pd.DataFrame(found, columns=["targets", "left_out", "low", "high"], index=cells.index)
    return pd.concat([cells, described], axis=1).assign(kind="mean", white_box=False, failed=False)


def _outcomes(placed: pd.DataFrame, outcomes: Mapping[Path, pd.DataFrame]) -> dict[int, pd.DataFrame]:
    """Return the outcomes of each row, with the seed of each and a key of the clean images that it was got on.

    The key is the digest of the images or, where a run of an older version has none, what stands for ids and labels.
    """
    known = placed.clean_images.notna().all()
    found = {row: pd.DataFrame(columns=[*PAIRED_BY, "outcome"]) for row in placed.row}
    for row, runs in placed[placed.folder.isin(list(outcomes))].groupby("row"):
        found[row] = pd.concat(
            outcomes[run.folder].assign(
                seed=-1 if pd.isna(run.seed) else run.seed,
                images=run.clean_images if known else _images_key(outcomes[run.folder]),
            )
            for run in runs.itertuples()
        )
    return found


def _images_key(outcomes: pd.DataFrame) -> str:
    images = outcomes[["id", "label"]].drop_duplicates()
    return str(pd.util.hash_pandas_object(images, index=False).sum())


def _interval(outcomes: pd.DataFrame, targets: Sequence[str]) -> tuple[float, float]:
    """Return the 95 % interval of a mean over targets, each image's outcomes averaged over seeds and draws."""
    by_image = outcomes.groupby(["target", "id"]).outcome.mean().unstack().reindex(list(targets))
    found = estimate(torch.tensor(by_image.to_numpy(dtype=float)), imagined=(0.0, 0.0, 1.0, 1.0))
    return (math.nan, math.nan) if found is None else (found.low, found.high)


def _tested(cells: pd.DataFrame, rows: pd.DataFrame, outcomes: Mapping[int, pd.DataFrame]) -> pd.DataFrame:
    """Add the comparisons with the baseline, and of the best of each block and column with the next."""
    cells = cells.assign(block=cells.row.map(rows.block))
    known = cells[cells["mean"].notna()]
    baselines = {rows.block[row]: row for row in rows.index[rows.is_baseline]}
    against = {place: baselines.get(known.block[place], row) for place, row in known.row.items()}
    rivals = dict(_rivals(known[~known.white_box]))
    asked = [(place, row) for place, row in against.items() if row != cells.row[place]] + list(rivals.items())
    exceeds: dict[tuple[int, int], pd.DataFrame] = {}
    pairs: dict[tuple[int, int], DiscordantPairs] = {}
    for place, other in dict.fromkeys(asked):
        cell = cells.loc[place]
        if (cell.row, other) not in exceeds:
            exceeds[cell.row, other] = differences(outcomes[cell.row], outcomes[other])
        found = compare(exceeds[cell.row, other], cell.targets if cell.kind == "mean" else [cell.column])
        if found is not None:
            pairs[place, other] = found
    # A best row and the baseline may be asked for from both sides, which is one test.
    same = {asked: (cells.column[asked[0]], frozenset((cells.row[asked[0]], asked[1]))) for asked in pairs}
    p_values = {same[asked]: found.p for asked, found in pairs.items()}
    adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    lines = []
    for place in cells.index:
        line: dict[str, Any] = {"best": place in rivals}
        if place in rivals:
            line["runner_up"] = rows["name"][rivals[place]]
        if found := pairs.get((place, against.get(place, -1))):
            line |= {"baseline": rows["name"][against[place]], "better": found.better, "worse": found.worse, "p": found.p}
            line["p_holm"] = adjusted[same[place, against[place]]]
        if found := pairs.get((place, rivals.get(place, -1))):
            line["p_best"] = adjusted[same[place, rivals[place]]]
            line["distinct"] = line["p_best"] < ALPHA and found.better > found.worse
        lines.append(line)
    tests = pd.DataFrame(lines, index=cells.index, columns=[name for name in _CELLS if name not in cells])
    return pd.concat([cells, tests.assign(distinct=tests.distinct.eq(True))], axis=1)[list(_CELLS)]


def _rivals(known: pd.DataFrame) -> Iterator[tuple[int, int]]:
    """Yield the place of each cell that no other of its block and column exceeds, with the row that comes next."""
    ranked = known.sort_values("mean", ascending=False, kind="stable")
    for _, of_column in ranked.groupby(["block", "column"], sort=False):
        if len(of_column) > 1:
            for place in of_column.index[of_column["mean"] >= of_column["mean"].iloc[0] - _ROUNDING]:
                yield place, of_column.row[of_column.index[int(place == of_column.index[0])]]


def _notices(
    rows: pd.DataFrame, cells: pd.DataFrame, outcomes: Mapping[int, pd.DataFrame], baseline: str | None
) -> Iterator[str]:
    """Yield what a reader must know of each block."""
    for _, block in rows.groupby("block"):
        surrogate = block.surrogate.iloc[0]
        if baseline is not None and not (block[["attack", "setting", "name"]] == baseline).any(axis=None):
            yield f"no row of {surrogate} is called {baseline}, the baseline: nothing is compared"
        for other in block.index[block.is_baseline]:
            for row in block.index.drop(other):
                differing = _differing(outcomes[row], outcomes[other])
                if differing:
                    yield f"{block.name[row]} on {surrogate} {differing}"
        yield from _lacking_seeds(block, surrogate)
        yield from _lacking_targets(block, cells)


def _differing(row: pd.DataFrame, other: pd.DataFrame) -> str | None:
    """Say what keeps a row from being compared with its baseline; None where nothing does, or nothing is known."""
    if row.empty or other.empty:
        return None
    own, theirs = (outcomes[["seed", "images"]].drop_duplicates() for outcomes in (row, other))
    shared = own.merge(theirs, on="seed")
    alike = shared.images_x == shared.images_y
    if shared.empty:
        return "is not compared: it shares no seed with the baseline"
    if not alike.any():
        return "is not compared: its clean images are not those of the baseline"
    if not alike.all():
        seeds = listed([str(seed) for seed in shared.seed[~alike]])
        return f"is compared with the baseline on fewer seeds: the clean images of {seeds} are not the same"
    return None


def _lacking_seeds(block: pd.DataFrame, surrogate: str) -> Iterator[str]:
    seeds = list(dict.fromkeys(seed for of_row in block.seeds for seed in of_row))
    for name, of_row in zip(block["name"], block.seeds, strict=True):
        lacking = [str(seed) for seed in seeds if seed not in of_row]
        if lacking:
            noun, over = "seed" if len(lacking) == 1 else "seeds", counted(len(of_row), "seed")
            yield f"{name} on {surrogate} lacks {noun} {listed(lacking)}: its mean is over {over}"


def _lacking_targets(block: pd.DataFrame, cells: pd.DataFrame) -> Iterator[str]:
    """Name the means that are over fewer targets than those of other rows of the block, or in only some seeds."""
    means = cells[cells.row.isin(block.index) & (cells.kind == "mean")]
    for column, of_column in means.groupby("column"):
        union = list(dict.fromkeys(name for targets in of_column.targets for name in targets))
        for cell in of_column.itertuples():
            left = {name: cell.left_out.get(name) for name in union if name not in cell.targets} | cell.left_out
            if left:
                why = "; ".join(name + (f": {reason}" if reason else "") for name, reason in left.items())
                over = counted(len(cell.targets), "target")
                yield f"the {column} of {block.name[cell.row]} on {block.surrogate[cell.row]} is over {over}, without {why}"
