"""All numbers of a run, from its files."""

import json
import math
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from naa_lightning import __version__
from naa_lightning.atomic import write_atomically
from naa_lightning.attribution import Agreement, AttackEffect, AttributionStatistics
from naa_lightning.data import short_class_name
from naa_lightning.metrics import (
    AgreementMetric,
    AttackEffectMetric,
    AttributionMetric,
    PerturbationMetric,
    PerturbationSizes,
    Rate,
    TransferRates,
    pooled,
    transfer_rates,
)
from naa_lightning.models.predicted_classes import ABSTAINED, INVALID
from naa_lightning.records import AttributionRow, PerturbationRow, Prediction, SavedImage
from naa_lightning.report.transferability import judging_targets

FILE_NAME = "results.json"
_PAIR = ("clean", "adversarial")
RATES = ("fooling_rate", "error_rate", "success_rate", "clean_accuracy", "target_rate")


def headline_rate(*, targeted: bool) -> str:
    """Return the name of the rate that stands for a run."""
    return "target_rate" if targeted else "success_rate"


@dataclass(frozen=True)
class TargetFacts:
    """The description of a target.

    Args:
        model: The name of its model.
        defences: The names of its defences.
        white_box: Whether the images were crafted on its model.
        repeats: Number of predictions for each image, for each of which its defences draw anew.
    """

    model: str
    defences: Sequence[str]
    white_box: bool
    repeats: int


@dataclass(frozen=True)
class RunFacts:
    """The description of a run that its numbers belong to.

    Args:
        surrogate: The name of the surrogate; None where the images come from elsewhere.
        attack, data: The names of the attack and of the data set.
        targets: The targets by name, also those that failed.
        failed: The reason why a target gave no predictions, by the target's name.
        norm: The norm that bounds perturbations, "linf" or "l2".
        eps: The bound, images being in [0, 1].
        targeted: Whether the attack aims at target classes.
        class_names: The names of the classes, by class; None where they are unknown.
        missing: The files of the clean images that have no adversarial one.
        device: The device that images are crafted, or evaluated, on.
        phases: Seconds of this call, by phase.
        crafted_now: Number of images that this call crafted; None where the run crafts nothing.
        peak_memory_bytes: Peak memory while crafting, in bytes; None where nothing was crafted.
        config: The resolved configuration.
    """

    surrogate: str | None
    attack: str
    data: str
    targets: Mapping[str, TargetFacts]
    failed: Mapping[str, str]
    norm: str
    eps: float
    targeted: bool
    class_names: Sequence[str] | None
    missing: Sequence[str]
    device: str
    phases: Mapping[str, float]
    crafted_now: int | None
    peak_memory_bytes: int | None
    config: Mapping[str, Any]


def summarise(
    facts: RunFacts,
    saved: Sequence[SavedImage],
    predictions: Sequence[Prediction],
    perturbations: Sequence[PerturbationRow],
    attributions: Sequence[AttributionRow] = (),
) -> dict[str, Any]:
    """Return the content of `results.json`.

    Args:
        facts: The description of the run.
        saved: The rows of the adversarial images.
        predictions: The predictions of all targets.
        perturbations: The measured perturbations.
        attributions: The exact attribution of some images.
    """
    by_target: dict[str, list[Prediction]] = {}
    for row in predictions:
        by_target.setdefault(row.target, []).append(row)
    targets = {name: _target(facts.targets[name], rows) for name, rows in by_target.items()}
    black_box = {name: target for name, target in targets.items() if target["role"] == "black-box"}
    undefended = {name: target for name, target in black_box.items() if not target["defences"]}
    judging = judging_targets(
        {name: (target["role"] == "white-box", bool(target["defences"])) for name, target in targets.items()}
    )
    return {
        "version": __version__,
        "surrogate": facts.surrogate,
        "attack": facts.attack,
        "data": facts.data,
        "images": len(saved),
        "missing": list(facts.missing),
        "budget": {"norm": facts.norm, "eps": facts.eps},
        "targeted": facts.targeted,
        "targets": targets,
        "failed": dict(facts.failed),
        "black_box_mean": _mean_rates(undefended.values()),
        "defended_mean": _mean_rates(target for name, target in black_box.items() if name not in undefended),
        "judges": judging,
        "perturbation": _perturbation(perturbations),
        "classes": _classes([row for name in judging for row in by_target[name]], facts.class_names),
        "class_names": _class_names(predictions, facts.class_names),
        "attribution": _attribution(saved),
        "exact_attribution": _exact_attribution(attributions),
        "cost": _cost(facts, saved),
        "config": facts.config,
    }


def _target(facts: TargetFacts, rows: Sequence[Prediction]) -> dict[str, Any]:
    draws = [_rates_of([row for row in rows if row.repeat == repeat]) for repeat in range(facts.repeats)]
    return {
        "role": "white-box" if facts.white_box else "black-box",
        "model": facts.model,
        "defences": list(facts.defences),
        "repeats": facts.repeats,
        **{rate: _rate([getattr(rates, rate) for rates in draws]) for rate in RATES},
        "unanswered": {"invalid": _counts(rows, INVALID), "abstained": _counts(rows, ABSTAINED)},
        "invalid_files": sorted(
            {row.file for row in rows if INVALID in (row.clean_prediction, row.adversarial_prediction)}
        ),
    }


def _rates_of(rows: Sequence[Prediction]) -> TransferRates:
    return transfer_rates(**_columns(rows), ids=torch.tensor([row.id for row in rows]))


def _columns(rows: Sequence[Prediction]) -> dict[str, Tensor]:
    return {
        "clean": torch.tensor([row.clean_prediction for row in rows]),
        "adversarial": torch.tensor([row.adversarial_prediction for row in rows]),
        "labels": torch.tensor([row.label for row in rows]),
        "target_classes": torch.tensor([-1 if row.target_class is None else row.target_class for row in rows]),
    }


def _counts(rows: Sequence[Prediction], prediction: int) -> dict[str, int]:
    return {
        "clean": sum(row.clean_prediction == prediction for row in rows),
        "adversarial": sum(row.adversarial_prediction == prediction for row in rows),
    }


def _rate(draws: Sequence[Rate]) -> dict[str, Any]:
    """Describe a rate; its spread is the standard deviation over random draws."""
    rate = draws[0] if len(draws) == 1 else pooled(draws)
    if not rate.total:
        return {"value": None, "low": None, "high": None, "count": 0, "total": 0, "spread": None}
    low, high = rate.interval
    values = [draw.value for draw in draws if draw.total]
    spread = stdev(values) if len(values) > 1 else None
    return {"value": rate.value, "low": low, "high": high, "count": rate.count, "total": rate.total, "spread": spread}


def _mean_rates(targets: Iterable[Mapping[str, Any]]) -> dict[str, float | None]:
    known = list(targets)
    return {rate: _mean(target[rate]["value"] for target in known) for rate in RATES}


def _classes(rows: Sequence[Prediction], names: Sequence[str] | None) -> list[dict[str, Any]]:
    """Return the success rate of each class, pooled over all targets given."""
    by_label: dict[int, list[Prediction]] = {}
    for row in rows:
        by_label.setdefault(row.label, []).append(row)
    draws = len({(row.target, row.repeat) for row in rows})
    return [
        {
            "label": label,
            "name": short_class_name(names, label),
            "images": len({row.id for row in of_class}),
            "success_rate": _rate([replace(transfer_rates(**_columns(of_class)).success_rate, draws=draws)]),
        }
        for label, of_class in sorted(by_label.items())
    ]


def _class_names(predictions: Sequence[Prediction], names: Sequence[str] | None) -> dict[str, str]:
    classes = {
        index for row in predictions for index in (row.label, row.clean_prediction, row.adversarial_prediction)
    } | {row.target_class for row in predictions if row.target_class is not None}
    return {str(index): names[index] for index in sorted(classes) if names is not None and 0 <= index < len(names)}


def _cost(facts: RunFacts, saved: Sequence[SavedImage]) -> dict[str, Any]:
    crafts = facts.crafted_now is not None
    return {
        "gradient_evaluations_per_image": fmean(row.gradient_evaluations for row in saved) if crafts else None,
        "seconds_per_image": fmean(row.seconds for row in saved) if crafts else None,
        "images_crafted_now": facts.crafted_now,
        **times(facts.phases),
        "peak_memory_bytes": facts.peak_memory_bytes,
        "device": facts.device,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def times(phases: Mapping[str, float]) -> dict[str, Any]:
    """Return the seconds of a run, and each phase's seconds and share, as in the `cost` of `results.json`.

    Args:
        phases: The seconds of each phase.
    """
    total = sum(phases.values())
    return {
        "seconds": total,
        "phases": {name: {"seconds": taken, "share": taken / total} for name, taken in phases.items()},
    }


def _perturbation(rows: Sequence[PerturbationRow]) -> dict[str, dict[str, float | None]]:
    found: dict[str, dict[str, float | None]] = {}
    for key, value in _over_images(PerturbationMetric(), PerturbationSizes, _tensors(rows, PerturbationSizes)).items():
        name, _, which = key.rpartition("_")
        found.setdefault(name, {})[which] = value
    return found


def _attribution(saved: Sequence[SavedImage]) -> dict[str, float | None] | None:
    rows = [row for row in saved if not math.isnan(row.explained)]
    if not rows:
        return None
    return _over_images(AttributionMetric(), AttributionStatistics, _tensors(rows, AttributionStatistics))


def _tensors(rows: Sequence[Any], kind: type) -> dict[str, Tensor]:
    """Return a tensor (N,) of each field of a dataclass, from rows that have its fields; None becomes NaN."""
    columns = {field.name: [getattr(row, field.name) for row in rows] for field in fields(kind)}
    return {name: torch.tensor([math.nan if v is None else v for v in values]) for name, values in columns.items()}


def _exact_attribution(rows: Sequence[AttributionRow]) -> dict[str, Any] | None:
    if not rows:
        return None
    parts: dict[str, dict[str, Tensor]] = {}
    for name in rows[0].keys() - {"id"}:
        part, _, value = name.rpartition("/")
        parts.setdefault(part, {})[value] = torch.tensor([row[name] for row in rows])
    statistics = {part: _over_images(AttributionMetric(), AttributionStatistics, parts.pop(part)) for part in _PAIR}
    effect = _over_images(AttackEffectMetric(), AttackEffect, parts.pop("effect"))
    agreement = {part: _over_images(AgreementMetric(), Agreement, columns) for part, columns in parts.items()}
    return {"images": len(rows)} | statistics | {"effect": effect} | agreement


def _over_images(metric: Metric, kind: type, columns: Mapping[str, Tensor]) -> dict[str, float | None]:
    metric.update(kind(**columns))
    return {name: value.item() if value.isfinite() else None for name, value in metric.compute().items()}


def write_results(folder: Path, results: Mapping[str, Any]) -> None:
    """Write `results.json` into a run's folder."""
    write_atomically(folder / FILE_NAME, json.dumps(results, indent=2, allow_nan=False) + "\n")


def read_results(folder: Path) -> dict[str, Any]:
    """Read `results.json` of a run's folder."""
    results: dict[str, Any] = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
    return results


def optimised(results: Mapping[str, Any]) -> float | None:
    """Return the number that a sweep optimises: the mean headline rate of the black-box targets.

    Args:
        results: The content of `results.json`.

    Returns:
        The mean over undefended targets, or where there are none over defended ones; None without either.
    """
    rate = headline_rate(targeted=results["targeted"])
    mean: float | None = results["black_box_mean"][rate]
    defended: float | None = results["defended_mean"][rate]
    return defended if mean is None else mean


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
