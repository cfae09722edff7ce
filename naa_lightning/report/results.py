"""All numbers of a run, from its files."""

import json
import math
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from naa_lightning import __version__
from naa_lightning.attribution import Agreement, AttackEffect, AttributionStatistics
from naa_lightning.metrics import AgreementMetric, AttackEffectMetric, AttributionMetric, Rate, TransferMetric
from naa_lightning.records import AttributionRow, Prediction, SavedImage
from naa_lightning.whole_file import write_whole

FILE_NAME = "results.json"
_PAIR = ("clean", "adversarial")
RATES = ("fooling_rate", "error_rate", "success_rate", "clean_accuracy", "target_rate")


@dataclass(frozen=True)
class RunFacts:
    """What the numbers belong to.

    Args:
        surrogate, attack, data: Their names.
        white_box: Names of the targets that were attacked: the surrogate, or its members.
        device: On which the images were crafted.
        seconds: From start to results, of this call.
        crafted_now: Images crafted by this call; the others were there.
        peak_memory_bytes: See `Crafting`.
        config: The resolved configuration.
    """

    surrogate: str
    white_box: Sequence[str]
    attack: str
    data: str
    device: str
    seconds: float
    crafted_now: int
    peak_memory_bytes: int | None
    config: Mapping[str, Any]


def summarise(
    facts: RunFacts,
    saved: Sequence[SavedImage],
    predictions: Sequence[Prediction],
    attributions: Sequence[AttributionRow] = (),
) -> dict[str, Any]:
    """Return everything that `results.json` holds.

    Args:
        facts: What the numbers belong to.
        saved: The adversarial images.
        predictions: Every target's answers for each of them.
        attributions: Exact attribution of some of them; see `explain`.
    """
    names = list(dict.fromkeys(prediction.target for prediction in predictions))
    targets = {name: _target(name, facts.white_box, predictions) for name in names}
    black_box = [target for target in targets.values() if target["role"] == "black-box"]
    return {
        "version": __version__,
        "surrogate": facts.surrogate,
        "attack": facts.attack,
        "data": facts.data,
        "images": len(saved),
        "targets": targets,
        "black_box_mean": {rate: _mean(target[rate]["value"] for target in black_box) for rate in RATES},
        "attribution": _attribution(saved),
        "exact_attribution": _exact_attribution(attributions),
        "cost": {
            "gradient_evaluations_per_image": fmean(row.gradient_evaluations for row in saved),
            "seconds_per_image": fmean(row.seconds for row in saved),
            "images_crafted_now": facts.crafted_now,
            "seconds": facts.seconds,
            "peak_memory_bytes": facts.peak_memory_bytes,
            "device": facts.device,
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
        "config": facts.config,
    }


def _target(name: str, white_box: Sequence[str], predictions: Sequence[Prediction]) -> dict[str, Any]:
    rows = [prediction for prediction in predictions if prediction.target == name]
    metric = TransferMetric()
    metric.update(
        ids=torch.tensor([row.id for row in rows]),
        clean=torch.tensor([row.clean_prediction for row in rows]),
        adversarial=torch.tensor([row.adversarial_prediction for row in rows]),
        labels=torch.tensor([row.label for row in rows]),
        targets=torch.tensor([-1 if row.target_class is None else row.target_class for row in rows]),
    )
    rates = metric.compute()
    return {
        "role": "white-box" if name in white_box else "black-box",
        **{rate: _rate(getattr(rates, rate)) for rate in RATES},
    }


def _rate(rate: Rate) -> dict[str, Any]:
    if not rate.total:
        return {"value": None, "low": None, "high": None, "count": 0, "total": 0}
    low, high = rate.interval
    return {"value": rate.value, "low": low, "high": high, "count": rate.count, "total": rate.total}


def _attribution(saved: Sequence[SavedImage]) -> dict[str, float | None] | None:
    rows = [row for row in saved if not math.isnan(row.explained)]
    if not rows:
        return None
    metric = AttributionMetric()
    metric.update(
        AttributionStatistics(
            positive_share=torch.tensor([row.positive_share for row in rows]),
            participation=torch.tensor([row.participation for row in rows]),
            gini=torch.tensor([row.gini for row in rows]),
            attributed=torch.tensor([row.attributed for row in rows]),
            explained=torch.tensor([row.explained for row in rows]),
        )
    )
    return _finite(metric.compute())


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
    return _finite(metric.compute())


def _finite(summary: Any) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in vars(summary).items()}


def write_results(folder: Path, results: Mapping[str, Any]) -> None:
    """Write `results.json` into a run's folder."""
    write_whole(folder / FILE_NAME, json.dumps(results, indent=2, allow_nan=False) + "\n")


def read_results(folder: Path) -> dict[str, Any]:
    """Read what `write_results` wrote."""
    results: dict[str, Any] = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
    return results


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
