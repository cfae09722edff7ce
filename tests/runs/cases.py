"""Runs that tests of stages are made of."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from naa_lightning.config.attack_experiment import compose_attack_run
from naa_lightning.data import LabelledImages
from naa_lightning.data.digits import DigitsData
from naa_lightning.image_file import encode_png
from naa_lightning.models.target import Target
from naa_lightning.records import SavedImage, SavedPairs
from naa_lightning.runs.context import RunContext
from naa_lightning.runs.trainer import make_data
from tests.experiments import composed


def results(folder: Path) -> dict[str, Any]:
    """What a run's `results.json` holds."""
    content: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return content


def context(*targets: Target, seed: int = 0, batch_size: int = 2) -> RunContext:
    """A run on the digits' images that has these targets, on the CPU."""
    options = [f"seed={seed}", f"data.batch_size={batch_size}", "data.num_workers=0", "trainer.accelerator=cpu"]
    experiment = compose_attack_run(composed("experiment=digits", "~callbacks", *options))
    return RunContext(replace(experiment, targets=targets), make_data(experiment.run.data), callbacks=[], loggers=[])


def saved_pairs(folder: Path, clean: LabelledImages, adversarial: Sequence[Any]) -> SavedPairs:
    """Clean images with their adversarial ones, uint8 (3, H, W) each, saved in a folder."""
    for record, image in zip(clean.records, adversarial, strict=True):
        (folder / record.file).write_bytes(encode_png(image))
    saved = {record.id: SavedImage(record.id, record.file, record.label, -1, "", 0.0, 1) for record in clean.records}
    return SavedPairs(clean, saved, folder)


def digit_files(folder: Path, count: int) -> list[int]:
    """Write the first of the held-out digits as files 0.png, 1.png and so on, and return their labels."""
    images = DigitsData().load()
    folder.mkdir(parents=True)
    for index, record in enumerate(images.records[:count]):
        (folder / f"{index}.png").write_bytes(encode_png(images.read(record)))
    return [record.label for record in images.records[:count]]
