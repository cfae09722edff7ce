"""Neuron attribution over the attacked layer, on clean images and on adversarial ones."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

from torch import Tensor

from naa_lightning.attacks import NeuronAttribution
from naa_lightning.attribution import FeatureDifference, class_logit
from naa_lightning.exceptions import UserError
from naa_lightning.models.layer import LayerError
from naa_lightning.modules.attribution import AttributionModule, ExplanationModule
from naa_lightning.records import AttributionRow
from naa_lightning.runs.context import RunContext
from naa_lightning.runs.stages.adversarial_set import AdversarialSet
from naa_lightning.runs.stages.prediction import predict

Attributions = Mapping[int, dict[str, Tensor]]
"""Attributions of "clean", "adversarial" and "predicted", as `AttributionModule` names them, by image id."""


def explain(context: RunContext, adversarial: AdversarialSet, ids: Collection[int]) -> list[AttributionRow]:
    """Describe the exact attribution of clean and adversarial images, over the first attacked layer.

    Args:
        context: The run, whose surrogate has an attacked layer.
        adversarial: The adversarial images.
        ids: The ids of the images to explain.

    Returns:
        One row per image and statistic; where further layers or surrogates are attacked, their agreement with it too,
        place by place.

    Raises:
        UserError: The attacked layer does not run as attribution needs.
    """
    if not ids:
        return []
    module = ExplanationModule(
        method=context.experiment.exact,
        approximation=approximation(context),
        layers=attacked_layers(context),
        **_options(context, adversarial),
    )
    return [
        AttributionRow(image, part, statistic, float(values[row]))
        for batch in _predictions(module, context, adversarial, ids)
        for row, image in enumerate(batch["id"].tolist())
        for name, values in batch.items()
        for part, _, statistic in [name.rpartition("/")]
        if part
    ]


def attributed_logits(
    context: RunContext, adversarial: AdversarialSet, ids: Collection[int], predicted: Mapping[int, int]
) -> Attributions:
    """Attribute the logit of the true class over the first attacked layer, and that of the class it is taken for.

    A logit says where a class is seen also where its probability is as good as 0. Attribution is exact where the run
    asks for exact attribution, else the approximation, which costs less.

    Args:
        context: The run, whose surrogate has an attacked layer.
        adversarial: The adversarial images.
        ids: The ids of the images to attribute.
        predicted: The classes that adversarial images are taken for, by id; only those that are not the true ones.

    Raises:
        UserError: The attacked layer does not run as attribution needs.
    """
    exact = context.experiment.run.attribution.exact_images > 0
    options = _options(context, adversarial) | {
        "attribute": partial(context.experiment.attribute, output=class_logit),
        "classes": {image: adversarial.saved[image].label for image in ids},
    }
    method = context.experiment.exact if exact else approximation(context)
    module = AttributionModule(method=method, predicted=predicted, **options)
    return {
        int(batch.pop("id")): batch  # one image at a time
        for batch in _predictions(module, context, adversarial, ids)
    }


def approximation(context: RunContext) -> FeatureDifference:
    """Return NAA's approximation, with the attack's own path if it has one."""
    objective = context.experiment.attack.objective
    return FeatureDifference(path=objective.path) if isinstance(objective, NeuronAttribution) else FeatureDifference()


def attacked_layers(context: RunContext) -> list[str]:
    """Return the names of the attacked layers, with the model's name in front where there are several models."""
    sources = context.experiment.white_box
    return [
        layer if len(sources) == 1 else f"{source.name} {layer}"
        for source in sources
        for layer in ([source.layer] if isinstance(source.layer, str) else source.layer or [])
    ]


def _options(context: RunContext, adversarial: AdversarialSet) -> dict[str, Any]:
    experiment = context.experiment
    assert experiment.surrogate is not None, "composition checks it"
    rows = adversarial.saved.values()
    return {
        "surrogate": context.ranks.everywhere(experiment.surrogate.build),
        "attribute": experiment.attribute,
        "classes": {row.id: row.label if row.target_class == -1 else row.target_class for row in rows},
        "seed": experiment.run.seed,
        "title": f"attributing {experiment.surrogate.name}",
    }


def _predictions(
    module: AttributionModule, context: RunContext, adversarial: AdversarialSet, ids: Collection[int]
) -> Sequence[dict[str, Tensor]]:
    pairs = adversarial.pairs(context.data.images, ids)
    try:
        # one image at a time: a pass holds points of its path
        return predict(context, module, pairs, batch_size=1, num_workers=context.data.num_workers)
    except LayerError as error:
        raise UserError(f"surrogate.layer: {error}") from error
