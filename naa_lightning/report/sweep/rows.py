"""The rows of a sweep's table: runs that differ in nothing but their seed."""

import pandas as pd

from naa_lightning.records.targets import headline_rate
from naa_lightning.report.definitions import SHORT
from naa_lightning.report.loading import lines_of

_BLOCK = ["surrogate", "data", "rate"]


def placed(runs: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Give each run its `block` and `row`; of runs of one row and seed, only the one that was written last stays.

    Returns:
        One line per run that counts, and a notice for each that does not.
    """
    heads = runs.drop_duplicates("folder")
    heads = heads.assign(rate=[headline_rate(targeted=targeted) for targeted in heads.targeted])
    heads = heads.assign(block=heads.groupby(_BLOCK, sort=False).ngroup()).sort_values("block", kind="stable")
    heads["row"] = heads.groupby(["block", "attack", "setting"], sort=False).ngroup()
    same = heads.sort_values("written", kind="stable").groupby(["row", "seed"], dropna=False)
    heads["kept"] = same.folder.transform("last")
    notices = [
        f"{run.folder.name} does not count: {run.kept.name} is the same run, and was written later"
        for run in lines_of(heads.sort_index())
        if run.folder != run.kept
    ]
    return heads[heads.folder == heads.kept], notices


def rows_of(heads: pd.DataFrame, baseline: str | None) -> pd.DataFrame:
    """Return one line per row of runs that are `placed`, as `SweepTable` describes them."""
    gradients = heads[["zero_gradients", "non_finite_gradients", "unchanged"]].fillna(0)
    rows = (
        heads.assign(doubtful=gradients.max(axis=1))
        .groupby("row")
        .agg(
            **{name: (name, "first") for name in ("block", "surrogate", "attack", "setting", "data", "rate")},
            seeds=("seed", lambda seeds: tuple(None if pd.isna(seed) else int(seed) for seed in seeds)),
            folders=("folder", tuple),
            gradient_evaluations=("gradient_evaluations", "mean"),
            seconds_per_image=("seconds_per_image", "mean"),
            images=("images", "sum"),
            doubtful=("doubtful", "sum"),
        )
    )
    data = " on " + rows.data if rows.data.nunique() > 1 else ""
    rate = ", " + rows.rate.map(SHORT) + " rate" if rows.rate.nunique() > 1 else ""
    rows["title"] = rows.surrogate + data + rate
    rows["name"] = (rows.attack + " " + rows.setting).str.rstrip()
    named = rows[called(rows, baseline)].drop_duplicates("block")
    several = rows.groupby("block").block.transform("size") > 1
    return rows.assign(is_baseline=rows.index.isin(named.index) & several)


def called(rows: pd.DataFrame, baseline: str | None) -> "pd.Series[bool]":
    """Tell for each row whether its attack, its setting or both are called so, as they all are by None."""
    return (rows[["attack", "setting", "name"]] == baseline).any(axis=1) | (baseline is None)
