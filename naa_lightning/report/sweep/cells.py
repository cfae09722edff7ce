"""The cells of a sweep's table: the headline rate of each row on each target, and its means over targets."""

from typing import Any

import pandas as pd

from naa_lightning.metrics.wilson import Rate
from naa_lightning.report.mean_interval import mean_interval

MEANS = BLACK_BOX_MEAN, DEFENDED_MEAN = "black-box mean", "defended mean"
MEASURED = [
    *("row", "column", "kind", "white_box", "failed", "mean", "low", "high", "spread", "seeds", "clean"),
    *("targets", "left_out"),
]


def cells_of(runs: pd.DataFrame, heads: pd.DataFrame, outcomes: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return cells and columns as `SweepTable` describes them, before any test, of `placed` runs and their outcomes.

    Cells that neither have a rate nor failed are left out.
    """
    found = runs.dropna(subset="target").merge(heads[["folder", "row", "rate"]], on="folder")
    for name, suffix in (("value", ""), ("count", "_count"), ("total", "_total")):
        success = found[f"success_rate{suffix}"]
        found[name] = success.where(found.rate == "success_rate", found[f"target_rate{suffix}"])
    defended = found.defences != ""
    found = found.assign(column=found.target, kind=defended.map({False: "undefended", True: "defended"}))
    means = found.assign(column=defended.map({False: BLACK_BOX_MEAN, True: DEFENDED_MEAN}), kind="mean")
    every = pd.concat([found, means[means.role == "black-box"]])
    cells = [
        {"row": row, "column": column} | _cell(of_cell, outcomes[outcomes.row == row])
        for (row, column), of_cell in every.groupby(["row", "column"], sort=False)
    ]
    table = pd.DataFrame(cells, columns=MEASURED).astype(
        {"white_box": bool, "failed": bool, "low": float, "high": float}
    )
    known = table[table.failed | (table.seeds > 0)]
    kinds = dict(zip(table.column, table.kind, strict=True))
    columns = [name for kind in ("undefended", "defended") for name in kinds if kinds[name] == kind]
    columns += [name for name in (BLACK_BOX_MEAN, DEFENDED_MEAN) if name in set(known.column)]
    order = known.assign(place=known.column.map(columns.index)).sort_values(["row", "place"]).index
    return known.loc[order].reset_index(drop=True), columns


def _cell(found: pd.DataFrame, outcomes: pd.DataFrame) -> dict[str, Any]:
    """Describe a cell from the results that it is made of, one for each run and target."""
    kind, counted = found.kind.iloc[0], found[found.value.notna()]
    if kind == "mean":  # over the targets that have a rate in each run, so that all seeds are averaged alike
        counted = counted[counted.no_judge.isna()]
        runs_of = counted.groupby("target", sort=False).folder.nunique()
        targets = runs_of.index[runs_of == counted.folder.nunique()]
        counted, lost = counted[counted.target.isin(targets)], found[~found.target.isin(targets)]
    by_run = counted.groupby("folder")[["value", "clean_accuracy"]].mean()
    cell = {
        "kind": kind,
        "white_box": kind != "mean" and (found.role == "white-box").any(),
        "failed": kind != "mean" and found.failed.notna().any(),
        "mean": by_run.value.mean(),
        "spread": by_run.value.std(),
        "seeds": len(by_run),
        "clean": by_run.clean_accuracy.mean(),
    }
    if kind != "mean":
        low, high = Rate(*counted[["count", "total", "repeats"]].sum().astype(int)).interval
        return cell | {"low": low, "high": high}
    whole = mean_interval(outcomes[outcomes.target.isin(targets)])
    known = lost.failed.fillna(lost.no_judge)
    reasons = known.where(known.notna() | lost.value.notna(), "no image counts").groupby(lost.target)
    return cell | {
        "low": whole.low,
        "high": whole.high,
        "targets": tuple(targets),
        "left_out": reasons.first().fillna("not asked in every run").to_dict(),
    }
