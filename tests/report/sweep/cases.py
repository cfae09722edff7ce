"""Sweeps made by hand: runs with their predictions and the results that come of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from naa_lightning.records import write_predictions
from naa_lightning.report import RunFacts, TargetFacts, summarise, write_results
from naa_lightning.report.sweep.folder import read_sweep
from naa_lightning.report.sweep.summarise import summarise_sweep
from naa_lightning.report.sweep.summary import Block, Cell, Row, Summary
from tests.report.cases import perturbation, prediction, run_facts, saved_image

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
    config: Mapping[str, Any] | None = None,
    **facts: Any,
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
        config: What the configuration holds besides.
        facts: Other `RunFacts`.
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
        name: TargetFacts(
            name.split("+")[0],
            name.split("+")[1:],
            white_box=name.split("+")[0] == surrogate,
            repeats=len(_draws(of_target)),
        )
        for name, of_target in hits.items()
    }
    whole = {"attack": {"name": attack}, "seed": seed} | dict(config or {})
    described: RunFacts = run_facts(
        surrogate=surrogate, attack=attack, targets=targets, targeted=targeted, config=whole, **facts
    )
    saved = [saved_image(image) for image in sorted({row.id for row in rows})]
    sizes = [perturbation(row.id, file=row.file) for row in saved]
    write_results(folder, summarise(described, saved, rows, sizes))
    write_predictions(folder, rows)
    return folder


def _draws(hits: Sequence[Any]) -> list[Sequence[bool]]:
    """Return hits by draw, then by image."""
    return list(zip(*hits, strict=True)) if isinstance(hits[0], Sequence) else [hits]


def random_hits(targets: Mapping[str, float], images: int, seed: int) -> dict[str, list[bool]]:
    """Draw hits with a rate for each target."""
    generator = np.random.default_rng(seed)
    return {name: (generator.random(images) < rate).tolist() for name, rate in targets.items()}


def summarised(runs: Sequence[Path], baseline: str | None = None) -> Summary:
    return summarise_sweep(read_sweep(runs), baseline)


def row_of(summary: Summary, name: str, surrogate: str = "source") -> Row:
    (row,) = [row for block in summary.blocks if block.surrogate == surrogate for row in block.rows if row.name == name]
    return row


def cell_of(summary: Summary, name: str, target: str, surrogate: str = "source") -> Cell:
    place = [column.name for column in summary.columns].index(target)
    return row_of(summary, name, surrogate).cells[place]


def block_of(summary: Summary, surrogate: str) -> Block:
    (block,) = [block for block in summary.blocks if block.surrogate == surrogate]
    return block
