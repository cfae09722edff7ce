"""Sweeps made by hand: runs with their predictions and the results that come of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from naa_lightning.records import write_predictions, write_results
from naa_lightning.report.sweep.table import SweepTable
from naa_lightning.runs.stages.summary import targets_of
from tests.report.cases import asked_target, prediction, run_results

WRONG, RIGHT = 9, 3
Hits = Mapping[str, Sequence[Any]]


def write_run(
    folder: Path,
    hits: Hits,
    *,
    surrogate: str | None = "source",
    attack: str = "naa",
    seed: int | None = 1,
    unknown: Mapping[str, Sequence[int]] | None = None,
    first_id: int = 0,
    targeted: bool = False,
    failed: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
    **others: Any,
) -> Path:
    """Write a run's results and predictions.

    Args:
        folder: Of the run.
        hits: By target, for each image whether it fooled, or for each image the same of each random draw. A target
            "a+b" stands behind the defence b; the surrogate is white-box.
        surrogate: Its name.
        attack: Its name.
        seed: Of the run.
        unknown: By target, images that it does not classify correctly when clean.
        first_id: Of the images.
        targeted: Whether hits are of the class aimed at.
        failed: By target, why it gave no predictions.
        config: What the configuration holds besides.
        others: Other parts of the results.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        prediction(
            name,
            repeat=repeat,
            id=first_id + image,
            file=f"{first_id + image}.png",
            target_class=WRONG if targeted else None,
            clean=5 if image in (unknown or {}).get(name, ()) else RIGHT,
            adversarial=WRONG if hit else RIGHT,
        )
        for name, of_target in hits.items()
        for repeat, drawn in enumerate(_draws(of_target))
        for image, hit in enumerate(drawn)
    ]
    targets = {
        name: asked_target(
            name.split("+")[0], name.split("+")[1:], repeats=len(_draws(hits[name])) if name in hits else 1
        )
        for name in (*hits, *(failed or {}))
    }
    found = run_results(
        rows,
        targets=targets,
        failed=failed or {},
        surrogate=surrogate,
        attack=attack,
        targeted=targeted,
        config={"attack": {"name": attack}, "seed": seed} | dict(config or {}),
        **others,
    )
    roles = targets_of(list(targets.values()), {str(surrogate)}, rows, failed or {})
    write_results(folder, found.model_copy(update=roles))
    write_predictions(folder, rows)
    return folder


def _draws(hits: Sequence[Any]) -> list[Sequence[bool]]:
    """Return hits by draw, then by image."""
    return list(zip(*hits, strict=True)) if isinstance(hits[0], Sequence) else [hits]


def random_hits(targets: Mapping[str, float], images: int, seed: int) -> dict[str, list[bool]]:
    """Draw hits with a rate for each target."""
    generator = np.random.default_rng(seed)
    return {name: (generator.random(images) < rate).tolist() for name, rate in targets.items()}


def row_of(table: SweepTable, name: str, surrogate: str = "source") -> Any:
    (row,) = table.rows.index[(table.rows["name"] == name) & (table.rows.surrogate == surrogate)]
    return table.rows.loc[row]


def cell_of(table: SweepTable, name: str, column: str, surrogate: str = "source") -> Any:
    row = row_of(table, name, surrogate).name
    (cell,) = table.cells.index[(table.cells.row == row) & (table.cells.column == column)]
    return table.cells.loc[cell]


RATES = {"source": 0.9, "plain": 0.5, "other": 0.3, "plain+jpeg": 0.2}


def sweep(folder: Path, *, seeds: tuple[int, ...] = (1, 2, 3)) -> list[Path]:
    """Write runs in which later attacks are better."""
    return [
        write_run(
            folder / f"{attack}-{seed}",
            random_hits({name: rate * (1 + 0.3 * place) for name, rate in RATES.items()}, 60, 10 * place + seed),
            attack=attack,
            seed=seed,
            unknown={"plain": range(seed), "other": (5, 6)},
        )
        for place, attack in enumerate(("mim", "fia", "naa"))
        for seed in seeds
    ]


def baselines(table: SweepTable) -> list[str]:
    return list(table.rows["name"][table.rows.is_baseline])


def read(run: Path) -> pd.DataFrame:
    """Return a run's answers with what the definitions make of them."""
    rows = pd.read_parquet(run / "predictions.parquet")
    rows["counts"] = rows.clean_prediction == rows.label
    rows["hit"] = (rows.adversarial_prediction != rows.label).astype(float)
    return rows[rows.counts]
