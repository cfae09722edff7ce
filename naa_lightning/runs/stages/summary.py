"""All numbers of a run, from its rows."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from itertools import groupby
from statistics import fmean, stdev
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from naa_lightning.attribution import Agreement, AttackEffect, AttributionStatistics
from naa_lightning.class_names import short_class_name, usual_names
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
from naa_lightning.models.target import Target
from naa_lightning.records import (
    AttributionRow,
    PerturbationRow,
    Prediction,
    RateResult,
    RunResults,
    SavedImage,
    TargetResult,
    images_digest,
)
from naa_lightning.records.results import (
    BudgetResult,
    ClassResult,
    Confusion,
    Cost,
    ExactAttribution,
    GradientResult,
    MeasureResult,
    PhaseResult,
)
from naa_lightning.records.targets import RATES, FailedTarget, Role, Unanswered
from naa_lightning.runs.context import RunContext
from naa_lightning.runs.finished import files_of_models
from naa_lightning.runs.provenance import provenance
from naa_lightning.runs.stages.adversarial_set import AdversarialSet
from naa_lightning.runs.stages.evaluation import Evaluation

CONFUSIONS = 20
"""At most so many pairs of classes are told."""


def summarise(
    context: RunContext,
    adversarial: AdversarialSet,
    evaluation: Evaluation,
    perturbations: Sequence[PerturbationRow],
    attributions: Sequence[AttributionRow],
) -> RunResults:
    """Return all that a run found.

    Args:
        context: The run.
        adversarial: The adversarial images.
        evaluation: The predictions of all targets.
        perturbations: The measured perturbations.
        attributions: The exact attribution of some images.
    """
    experiment, run, data = context.experiment, context.experiment.run, context.data
    saved = list(adversarial.saved.values())
    budget = experiment.attack.budget
    white_box = {source.name for source in experiment.white_box}
    rated = targets_of(
        experiment.targets, white_box, evaluation.predictions, evaluation.failed, evaluation.shares_weights
    )
    found = RunResults(
        **provenance(context, images=len(saved)),
        missing=tuple(adversarial.missing),
        clean_images={data.name: images_digest(perturbations)},
        weights=dict(evaluation.weights),
        model_files=files_of_models(experiment.sources),
        noticed=noticed(context, rated["targets"]),
        budget=BudgetResult(norm=budget.norm, eps=budget.eps),
        targeted=run.attack.targeted,
        **rated,
        perturbation=perturbation_of(perturbations),
        gradients=gradients_of(saved, perturbations, budget.steps) if run.craft else None,
        class_names=names_of(evaluation.predictions, context.class_names),
        num_classes=data.expected_classes,
        model_class_names=_unusual_names(data.expected_names, data.expected_classes),
        attribution=attribution_of(saved),
        exact_attribution=exact_attribution_of(attributions),
        cost=cost_of(saved, context.stopwatch.seconds(), adversarial.crafted_now, adversarial.peak_memory_bytes),
    )
    judging = [row for row in evaluation.predictions if row.target in found.judges]
    return found.model_copy(
        update={"classes": classes_of(judging, context.class_names), "confusions": confusions_of(judging)}
    )


def noticed(context: RunContext, rated: Mapping[str, TargetResult]) -> dict[str, str]:
    """Return what the preflight found wrong, without guesses by models that all of the images tell otherwise of."""
    guessing = {target.model for target in rated.values() if target.is_chance}
    said = {
        name: [notice.guessing if name in guessing else "", notice.attacking]
        for name, notice in context.noticed.items()
    }
    return {name: "; ".join(filter(None, parts)) for name, parts in said.items() if any(parts)}


def targets_of(
    targets: Sequence[Target],
    white_box: set[str],
    predictions: Sequence[Prediction],
    failed: Mapping[str, str],
    shares_weights: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return the `targets` and the `failed` of the results.

    Args:
        targets: The targets, in order.
        white_box: The names of the attacked models.
        predictions: The predictions of all targets.
        failed: The reason why a target gave no predictions, by its name.
        shares_weights: The surrogate whose weights a model has, by the model's name.
    """
    by_target: dict[str, list[Prediction]] = {}
    for row in predictions:
        by_target.setdefault(row.target, []).append(row)

    def described(target: Target) -> dict[str, Any]:
        role: Role = "white-box" if target.source.name in white_box else "black-box"
        return {"role": role, "model": target.source.name, "defences": tuple(target.defences)}

    return {
        "targets": {
            target.name: target_result(
                by_target[target.name],
                repeats=target.repeats,
                num_classes=target.source.num_classes,
                shares_weights=shares_weights.get(target.source.name),
                **described(target),
            )
            for target in targets
            if target.name in by_target
        },
        "failed": {
            target.name: FailedTarget(reason=failed[target.name], **described(target))
            for target in targets
            if target.name in failed
        },
    }


def target_result(
    rows: Sequence[Prediction],
    *,
    role: Role,
    model: str,
    defences: Sequence[str],
    repeats: int,
    num_classes: int | None = None,
    shares_weights: str | None = None,
) -> TargetResult:
    """Return the rates of a target.

    Args:
        rows: The predictions of the target, of every image in every repeat.
        role: Whether the images were crafted on its model.
        model: The name of its model.
        defences: The names of its defences.
        repeats: Number of random draws.
        num_classes: Number of classes that the model tells apart.
        shares_weights: The surrogate whose weights its model has.
    """
    draws = [_rates_of([row for row in rows if row.repeat == repeat]) for repeat in range(repeats)]
    rates: dict[str, Any] = {rate: rate_result([getattr(of_draw, rate) for of_draw in draws]) for rate in RATES}
    return TargetResult(
        role=role,
        model=model,
        defences=tuple(defences),
        repeats=repeats,
        num_classes=num_classes,
        shares_weights=shares_weights,
        **rates,
        unanswered={"invalid": _counts(rows, INVALID), "abstained": _counts(rows, ABSTAINED)},
        invalid_files=tuple(
            sorted({row.file for row in rows if INVALID in (row.clean_prediction, row.adversarial_prediction)})
        ),
    )


def rate_result(draws: Sequence[Rate]) -> RateResult:
    """Describe a rate; its spread is the standard deviation over random draws."""
    rate = draws[0] if len(draws) == 1 else pooled(draws)
    if not rate.total:
        return RateResult()
    low, high = rate.interval
    values = [draw.value for draw in draws if draw.total]
    spread = stdev(values) if len(values) > 1 else None
    return RateResult(value=rate.value, low=low, high=high, count=rate.count, total=rate.total, spread=spread)


def _rates_of(rows: Sequence[Prediction]) -> TransferRates:
    return transfer_rates(**_columns(rows), ids=torch.tensor([row.id for row in rows]))


def _columns(rows: Sequence[Prediction]) -> dict[str, Tensor]:
    return {
        "clean": torch.tensor([row.clean_prediction for row in rows]),
        "adversarial": torch.tensor([row.adversarial_prediction for row in rows]),
        "labels": torch.tensor([row.label for row in rows]),
        "target_classes": torch.tensor([-1 if row.target_class is None else row.target_class for row in rows]),
    }


def _counts(rows: Sequence[Prediction], prediction: int) -> Unanswered:
    return Unanswered(
        clean=sum(row.clean_prediction == prediction for row in rows),
        adversarial=sum(row.adversarial_prediction == prediction for row in rows),
    )


def classes_of(rows: Sequence[Prediction], names: Sequence[str] | None) -> tuple[ClassResult, ...]:
    """Return the success rate of each class, pooled over the targets and draws of the rows."""
    draws = len({(row.target, row.repeat) for row in rows})
    by_label = groupby(sorted(rows, key=lambda row: row.label), key=lambda row: row.label)
    found = []
    for label, of_class in ((label, list(grouped)) for label, grouped in by_label):
        rate = replace(transfer_rates(**_columns(of_class)).success_rate, draws=draws)
        images = len({row.id for row in of_class})
        name = short_class_name(names, label)
        found.append(ClassResult(label=label, name=name, images=images, success_rate=rate_result([rate])))
    return tuple(found)


def confusions_of(rows: Sequence[Prediction]) -> tuple[Confusion, ...]:
    """Return the pairs of classes of which the first was most often taken for the second, at the first random draw."""
    fooled = [row for row in rows if row.success and row.repeat == 0]
    counts = Counter((row.label, row.adversarial_prediction) for row in fooled)
    images = Counter({(row.label, row.adversarial_prediction, row.id) for row in fooled})
    of_pair = Counter(key[:2] for key in images)
    common = sorted(counts, key=lambda pair: (-counts[pair], -of_pair[pair], pair))[:CONFUSIONS]
    return tuple(
        Confusion(label=label, predicted=predicted, count=counts[label, predicted], images=of_pair[label, predicted])
        for label, predicted in common
    )


def names_of(predictions: Sequence[Prediction], names: Sequence[str] | None) -> dict[int, str]:
    """Return the names of the classes that occur."""
    classes = {
        index
        for row in predictions
        for index in (row.label, row.clean_prediction, row.adversarial_prediction, row.target_class)
        if index is not None
    }
    return {index: names[index] for index in sorted(classes) if names is not None and 0 <= index < len(names)}


def _unusual_names(names: Sequence[str] | None, num_classes: int | None) -> tuple[str, ...] | None:
    return None if names is None or list(names) == usual_names(num_classes) else tuple(names)


def cost_of(
    saved: Sequence[SavedImage], seconds: Mapping[str, float], crafted_now: int | None, peak_memory: int | None
) -> Cost:
    """Return what a run took.

    Args:
        saved: The rows of the adversarial images.
        seconds: The seconds of each phase.
        crafted_now: Number of images that this call crafted; None where the run crafts nothing.
        peak_memory: Peak memory while crafting, in bytes; None where nothing was crafted.
    """
    crafts = crafted_now is not None
    total = sum(seconds.values())
    return Cost(
        gradient_evaluations_per_image=fmean(row.gradient_evaluations for row in saved) if crafts else None,
        seconds_per_image=fmean(row.seconds for row in saved) if crafts else None,
        images_crafted_now=crafted_now,
        seconds=total,
        phases={name: PhaseResult(seconds=taken, share=taken / total) for name, taken in seconds.items()},
        peak_memory_bytes=peak_memory,
    )


def perturbation_of(rows: Sequence[PerturbationRow]) -> dict[str, MeasureResult]:
    """Return the mean and the worst of each measure of perturbations."""
    columns = _tensors(rows, PerturbationSizes)
    found: dict[str, dict[str, float | None]] = {}
    for key, value in _over_images(PerturbationMetric(), PerturbationSizes, columns).items():
        name, _, which = key.rpartition("_")
        found.setdefault(name, {})[which] = value
    return {name: MeasureResult(images=int(columns[name].isfinite().sum()), **values) for name, values in found.items()}


def gradients_of(saved: Sequence[SavedImage], perturbations: Sequence[PerturbationRow], steps: int) -> GradientResult:
    """Return for how many images gradients told nothing in an attack of so many steps."""
    return GradientResult(
        zero=sum(2 * row.zero_gradients >= steps for row in saved),
        non_finite=sum(row.non_finite_gradients > 0 for row in saved),
        unchanged=sum(row.linf == 0 for row in perturbations),
    )


def attribution_of(saved: Sequence[SavedImage]) -> dict[str, float | None] | None:
    """Return the statistics of the attribution that guides the attack; None where it has none."""
    rows = [row for row in saved if not math.isnan(row.explained)]
    if not rows:
        return None
    return _over_images(AttributionMetric(), AttributionStatistics, _tensors(rows, AttributionStatistics))


def exact_attribution_of(rows: Sequence[AttributionRow]) -> ExactAttribution | None:
    """Return the means of exact attribution over images; None without rows."""
    if not rows:
        return None
    parts: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        value = math.nan if row.value is None else row.value
        parts.setdefault(row.part, {}).setdefault(row.statistic, []).append(value)
    found = {
        part: _over_images(metric(), kind, {name: torch.tensor(values) for name, values in columns.items()})
        for part, columns in parts.items()
        for metric, kind in [
            {
                "clean": (AttributionMetric, AttributionStatistics),
                "adversarial": (AttributionMetric, AttributionStatistics),
                "effect": (AttackEffectMetric, AttackEffect),
            }.get(part, (AgreementMetric, Agreement))
        ]
    }
    own = {part: found.pop(part) for part in ("clean", "adversarial", "effect")}
    return ExactAttribution(images=len({row.id for row in rows}), **own, agreement=found)


def _tensors(rows: Sequence[Any], kind: type) -> dict[str, Tensor]:
    """Return a tensor (N,) of each field of a dataclass, from rows that have its fields; None becomes NaN."""
    columns = {field.name: [getattr(row, field.name) for row in rows] for field in fields(kind)}
    return {name: torch.tensor([math.nan if v is None else v for v in values]) for name, values in columns.items()}


def _over_images(metric: Metric, kind: type, columns: Mapping[str, Tensor]) -> dict[str, float | None]:
    metric.update(kind(**columns))
    return {name: value.item() if value.isfinite() else None for name, value in metric.compute().items()}
