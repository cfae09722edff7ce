"""Predictions, pictures and runs that tests of reports are made of."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from naa_lightning import __version__
from naa_lightning.metrics import Rate
from naa_lightning.records import (
    AttributionRow,
    PerturbationRow,
    Prediction,
    RunResults,
    SavedImage,
    write_attributions,
    write_perturbations,
    write_predictions,
    write_results,
)
from naa_lightning.records.json_file import SCHEMA_VERSION
from naa_lightning.records.provenance import Environment
from naa_lightning.records.results import Cost
from naa_lightning.runs.stages.summary import (
    attribution_of,
    classes_of,
    confusions_of,
    cost_of,
    exact_attribution_of,
    names_of,
    perturbation_of,
    targets_of,
)

NAMES = ["tench", "goldfish", "great white shark", "tabby"]
# Some would be faulty formulas.
LONG_NAMES = ["W" * 70, r"$\frac{1}$ old English sheepdog or bobtail " * 3, "m" * 40, r"$\frac{%$" + "%" * 50]

LONG_LAYER_NAMES = [f"features.denseblock{number // 6 + 1}.denselayer{number + 10}.conv2" for number in range(12)]


def asked_target(model: str, defences: Sequence[str] = (), repeats: int = 1, num_classes: int | None = None) -> Any:
    """A target as far as results describe it; without a number of classes it is never taken to guess."""
    return SimpleNamespace(
        name="+".join([model, *defences]),
        source=SimpleNamespace(name=model, num_classes=num_classes),
        defences=defences,
        repeats=repeats,
    )


TARGETS: dict[str, Any] = {
    target.name: target
    for target in (
        asked_target("source"),
        asked_target("source", ["jpeg"]),
        asked_target("plain"),
        asked_target("plain", ["jpeg"]),
        asked_target("plain", ["noise", "jpeg"], repeats=3),
        asked_target("other"),
        asked_target("other", ["noise"], repeats=4),
    )
}
WANDB = {
    "_target_": "naa_lightning.loggers.wandb.wandb_logger",
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


def run_results(
    rows: Sequence[Prediction] = (),
    *,
    targets: Mapping[str, Any] = TARGETS,
    failed: Mapping[str, str] = MappingProxyType({}),
    names: Sequence[str] | None = NAMES,
    saved: Sequence[SavedImage] | None = None,
    crafted_now: int | None = 2,
    phases: Mapping[str, float] = MappingProxyType({"other": 2.5, "crafting/steps": 10.0}),
    **others: Any,
) -> RunResults:
    """What a run finds that makes these predictions; untargeted, on "source"."""
    images = saved or [saved_image(id, file=file) for id, file in sorted({(row.id, row.file) for row in rows})]
    values: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "version": __version__,
        "surrogate": "source",
        "attack": "naa",
        "data": "photographs",
        "images": len(images),
        "budget": {"norm": "linf", "eps": 16 / 255},
        "environment": Environment(device="cpu", python="3.11.9", packages={"torch": "2.15.0"}),
        "perturbation": perturbation_of([perturbation(row.id, file=row.file) for row in images]),
        "attribution": attribution_of(images),
        "class_names": names_of(rows, names),
        "cost": cost_of(images, phases, crafted_now, None) if images else Cost(),
        "config": {"seed": 0, "tags": ["a", "b"], "attack": {"name": "naa"}, "logger": {}},
    }
    found = RunResults(**targets_of(list(targets.values()), {"source"}, rows, failed), **values | others)
    judging = [row for row in rows if row.target in found.judges]
    return found.model_copy(update={"classes": classes_of(judging, names), "confusions": confusions_of(judging)})


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
    folder: Path, predictions: Sequence[Prediction], attributions: Sequence[AttributionRow] = (), **others: Any
) -> RunResults:
    """Write the files of a run and return its results."""
    saved = [
        saved_image(id, file=file, positive_share=0.75, participation=0.5, gini=0.25, attributed=1.0, explained=0.5)
        for id, file in sorted({(row.id, row.file) for row in predictions})
    ]
    results = run_results(predictions, saved=saved, exact_attribution=exact_attribution_of(attributions), **others)
    (folder / "adversarial").mkdir(parents=True)
    for row in saved:
        Image.new("RGB", (4, 4)).save(folder / "adversarial" / row.file)
    write_predictions(folder, predictions)
    write_perturbations(folder, [perturbation(row.id, file=row.file) for row in saved])
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
