"""Neuron attribution of some images of a run, before and after the attack."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from torch import Tensor

from naa_lightning.attacks import NeuronAttribution
from naa_lightning.attribution import FeatureDifference, Method
from naa_lightning.exceptions import UserError
from naa_lightning.models.layer import LayerError
from naa_lightning.modules.attribution import AttributionModule, ExplanationModule
from naa_lightning.records import AttributionRow
from naa_lightning.runs.context import Bench
from naa_lightning.runs.stages.adversarial_set import AdversarialSet
from naa_lightning.runs.stages.prediction import ask

Attributions = Mapping[int, tuple[Tensor, Tensor]]
"""Of the clean and of the adversarial image, each (1, ...) as the attacked layer's output, by image id."""


def explain(bench: Bench, made: AdversarialSet, ids: Collection[int]) -> list[AttributionRow]:
    """Describe the exact attribution of clean and adversarial images, over the first attacked layer.

    Args:
        bench: Whose experiment says how; its surrogate has an attacked layer.
        made: The adversarial images.
        ids: Of the images.

    Returns:
        One row per image, with the keys `id`, `clean/...`, `adversarial/...`, `effect/...`, `naa/...` (the attack's
        approximation against the exact attribution) and, where further layers or surrogates are attacked,
        `<layer>/...` (theirs against it, place by place), followed by the names of `AttributionStatistics`,
        `AttackEffect` and `Agreement`.

    Raises:
        UserError: The attacked layer does not run as attribution needs.
    """
    if not ids:
        return []
    module = ExplanationModule(
        method=bench.experiment.exact,
        approximation=approximation(bench),
        layers=attacked_layers(bench),
        **_options(bench, made),
    )
    return [row for rows in _predicted(module, bench, made, ids) for row in rows]


def attributions(bench: Bench, made: AdversarialSet, ids: Collection[int], method: Method) -> Attributions:
    """Attribute clean and adversarial images over the first attacked layer.

    Args:
        bench: As of `explain`.
        made: As of `explain`.
        ids: Of the images.
        method: How.

    Raises:
        UserError: As `explain`.
    """
    if not ids:
        return {}
    module = AttributionModule(method=method, **_options(bench, made))
    return {image: pair for found in _predicted(module, bench, made, ids) for image, pair in found.items()}


def approximation(bench: Bench) -> FeatureDifference:
    """Return NAA's approximation, with the attack's own path if it has one."""
    objective = bench.experiment.attack.objective
    return FeatureDifference(path=objective.path) if isinstance(objective, NeuronAttribution) else FeatureDifference()


def attacked_layers(bench: Bench) -> list[str]:
    """Return what the surrogate's attacked layers are called, with the model's name where there are several models."""
    sources = bench.experiment.white_box
    return [
        layer if len(sources) == 1 else f"{source.name} {layer}"
        for source in sources
        for layer in ([source.layer] if isinstance(source.layer, str) else source.layer or [])
    ]


def _options(bench: Bench, made: AdversarialSet) -> dict[str, Any]:
    experiment = bench.experiment
    assert experiment.surrogate is not None, "composition asks for it"
    rows = made.saved.values()
    return {
        "surrogate": bench.ranks.everywhere(experiment.surrogate.build),
        "attribute": experiment.attribute,
        "classes": {row.id: row.label if row.target_class == -1 else row.target_class for row in rows},
        "seed": experiment.run.seed,
        "title": f"attributing {experiment.surrogate.name}",
    }


def _predicted(module: AttributionModule, bench: Bench, made: AdversarialSet, ids: Collection[int]) -> Sequence[Any]:
    pairs = made.pairs(bench.data.images, ids)
    try:
        # image by image: a pass holds points of its path
        return ask(module, pairs, bench.ranks, bench.asking, batch_size=1, num_workers=bench.data.num_workers)
    except LayerError as error:
        raise UserError(f"surrogate.layer: {error}") from error
