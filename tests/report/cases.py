"""Predictions, pictures and runs that tests of reports are made of."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from naa_lightning.metrics import Rate
from naa_lightning.records import (
    AttributionRow,
    PerturbationRow,
    Prediction,
    SavedImage,
    write_attributions,
    write_perturbations,
    write_predictions,
)
from naa_lightning.report import RunFacts, TargetFacts, summarise, write_results

NAMES = ["tench", "goldfish", "great white shark", "tabby"]
# Some would be faulty formulas.
LONG_NAMES = ["W" * 70, r"$\frac{1}$ old English sheepdog or bobtail " * 3, "m" * 40, r"$\frac{%$" + "%" * 50]

LONG_LAYER_NAMES = [f"features.denseblock{number // 6 + 1}.denselayer{number + 10}.conv2" for number in range(12)]

TARGETS = {
    "source": TargetFacts("source", [], white_box=True, repeats=1),
    "source+jpeg": TargetFacts("source", ["jpeg"], white_box=True, repeats=1),
    "plain": TargetFacts("plain", [], white_box=False, repeats=1),
    "plain+jpeg": TargetFacts("plain", ["jpeg"], white_box=False, repeats=1),
    "plain+noise+jpeg": TargetFacts("plain", ["noise", "jpeg"], white_box=False, repeats=3),
    "other": TargetFacts("other", [], white_box=False, repeats=1),
    "other+noise": TargetFacts("other", ["noise"], white_box=False, repeats=4),
}
WANDB = {
    "_target_": "naa_lightning.report.wandb_logger.wandb_logger",
    "project": "mine",
    "name": "my run",
    "group": "my runs",
    "mode": None,
}


def rate(count: int, total: int, spread: float | None = None) -> dict[str, Any]:
    """A rate as `results.json` holds it."""
    measured = Rate(count, total)
    low, high = measured.interval
    known = {"value": measured.value, "low": low, "high": high} if total else dict.fromkeys(("value", "low", "high"))
    return known | {"count": count, "total": total, "spread": spread}


def prediction(target: str, *, clean: int = 3, adversarial: int = 1, **others: object) -> Prediction:
    values = {
        "target": target,
        "repeat": 0,
        "id": 12,
        "file": "0e0f1fd2ed183781.png",
        "label": 3,
        "target_class": None,
        "clean_prediction": clean,
        "clean_confidence": 0.968,
        "adversarial_prediction": adversarial,
        "adversarial_confidence": 0.351,
    }
    return Prediction(**values | others)  # type: ignore[arg-type]


def picture(height: int = 12, width: int = 12, seed: int = 0) -> Tensor:
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed))


def run_facts(**others: Any) -> RunFacts:
    """Facts of an untargeted run."""
    values: dict[str, Any] = {
        "surrogate": "source",
        "attack": "naa",
        "data": "photographs",
        "targets": TARGETS,
        "failed": {},
        "norm": "linf",
        "eps": 16 / 255,
        "targeted": False,
        "class_names": NAMES,
        "missing": [],
        "device": "cpu",
        "phases": {"other": 2.5, "crafting/steps": 10.0},
        "crafted_now": 2,
        "peak_memory_bytes": None,
        "config": {"seed": 0, "tags": ["a", "b"], "attack": {"name": "naa"}, "logger": {}},
    }
    return RunFacts(**values | others)


def saved_image(id: int = 12, **others: Any) -> SavedImage:
    values: dict[str, Any] = {
        "id": id,
        "file": f"{id}.png",
        "label": 3,
        "target_class": -1,
        "sha256": "0" * 64,
        "seconds": 0.5,
        "gradient_evaluations": 40,
    }
    return SavedImage(**values | others)


def perturbation(id: int = 12, **others: Any) -> PerturbationRow:
    values: dict[str, Any] = {
        "id": id,
        "file": f"{id}.png",
        "linf": 0.0625,
        "l2": 3.0,
        "ssim": 0.75,
        "psnr": 32.5,
        "lpips": None,
    }
    return PerturbationRow(**values | others)


def finished_run(
    folder: Path,
    facts: RunFacts,
    predictions: Sequence[Prediction],
    attributions: Sequence[AttributionRow] = (),
) -> dict[str, Any]:
    """Write the files of a run with a figure of each kind, and return its results."""
    saved = [
        saved_image(id, file=file, positive_share=0.75, participation=0.5, gini=0.25, attributed=1.0, explained=0.5)
        for id, file in sorted({(row.id, row.file) for row in predictions})
    ]
    sizes = [perturbation(row.id, file=row.file) for row in saved]
    results = summarise(facts, saved, predictions, sizes, attributions)
    (folder / "figures").mkdir(parents=True)
    (folder / "adversarial").mkdir()
    for name in ("panel-00001", "panel-00012", "attention-00012", "attribution-00012"):
        Image.new("RGB", (9, 4)).save(folder / "figures" / f"{name}.png")
    for row in saved:
        Image.new("RGB", (4, 4)).save(folder / "adversarial" / row.file)
    write_predictions(folder, predictions)
    write_perturbations(folder, sizes)
    write_attributions(folder, attributions)
    write_results(folder, results)
    return results


def layer_results(names: Sequence[str]) -> dict[str, Any]:
    """What `layers.json` holds: rates that rise to the middle and fall."""
    middle = (len(names) - 1) // 2
    layers = []
    for number, name in enumerate(names):
        mean = 0.8 - 0.6 * abs(number - middle) / len(names)
        rates = {"source": 1.0, "first": mean + 0.1, "second": mean - 0.1}
        below = mean - 0.8
        layers.append(
            {
                "name": name,
                "shape": [64, 14, 14],
                "progress": (number + 1) / len(names),
                "verdict": "recommended" if not below else "as good" if below > -0.1 else "worse",
                "black_box_mean": {"value": mean, "low": mean - 0.05, "high": mean + 0.05},
                "difference": {"value": below, "low": below - 0.1, "high": below + 0.1},
                "targets": {
                    target: {"value": rate, "low": 0.0, "high": 1.0, "count": 1, "total": 1}
                    for target, rate in rates.items()
                },
                "seconds_per_image": 1.234,
            }
        )
    return {
        "surrogate": "source",
        "attack": "naa",
        "data": "photographs",
        "images": 200,
        "rate": "success_rate",
        "white_box": ["source"],
        "recommended": names[middle],
        "layers": layers,
    }
