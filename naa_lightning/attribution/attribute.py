"""Neuron attribution of images, by any method, from any baseline."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn

from naa_lightning.attribution.baseline import Baseline, black
from naa_lightning.attribution.methods import AttributionContext, Method
from naa_lightning.attribution.output import Output, class_probability
from naa_lightning.models import Classifier, as_classifier, frozen
from naa_lightning.models.candidates import check_attacked_layer
from naa_lightning.models.inputs import Classes, Images, as_batch
from naa_lightning.rng import Draws, SeededDraws


@dataclass(frozen=True)
class Attribution:
    """The contributions of a layer's neurons to an output.

    Args:
        values: Attributions A of the attacked layer's shape (B, ...).
        explained: Differences F(x) - F(x') of shape (B,): what the attributions of an image sum to if they are
            complete.
    """

    values: Tensor
    explained: Tensor


Attribute: TypeAlias = Callable[[Method, Classifier, Tensor, Tensor, Draws], Attribution]
"""`attribute`, with or without its options: method, surrogate, images (B, 3, H, W), classes (B,) and draws."""


def attribute(
    method: Method,
    surrogate: nn.Module,
    images: Images,
    classes: Classes,
    draws: Draws | None = None,
    *,
    output: Output = class_probability,
    baseline: Baseline = black,
    baselines: int = 1,
    images_per_pass: int | None = None,
) -> Attribution:
    """Attribute an output to the neurons of the attacked layer.

    Args:
        method: The way to attribute.
        surrogate: The classifier with one attacked layer, or a network that `as_classifier` takes as one; parameters
            and mode are left as they were.
        images: Images x of shape (B, 3, H, W) in [0, 1], of any float type and on any device; or B of them.
        classes: The classes of shape (B,) whose output is attributed.
        draws: The source of random numbers. None for those of seed 0 and of ids 0 to B - 1.
        output: The function F of the logits: `class_probability`, `class_logit` or `class_margin`.
        baseline: The function that gives the baselines x'.
        baselines: The number of baselines that the attribution is the mean over; of use for random ones.
        images_per_pass: The number of images per pass through the surrogate, whatever the method and the number of its
            points, which bounds the memory; None for all images at one point of the path.

    Returns:
        The attribution, on the surrogate's device.

    Raises:
        ValueError: The surrogate, images or classes are not as described.

    Example:
        >>> from naa_lightning.attribution import Conductance
        >>> network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
        >>> model = Classifier(network, mean=[0.5] * 3, std=[0.5] * 3, layer="0")
        >>> found = attribute(Conductance(), model, torch.rand(2, 3, 5, 5), [0, 3])
        >>> found.values.shape
        torch.Size([2, 4, 5, 5])
        >>> torch.allclose(found.values.flatten(1).sum(1), found.explained, atol=1e-6)
        True
    """
    if baselines < 1:
        raise ValueError(f"expected at least 1 baseline, got {baselines}")
    classifier = as_classifier(surrogate)
    x, explained_classes = as_batch(classifier, images, classes)
    check_attacked_layer(classifier, x)
    draws = SeededDraws(0, range(len(x))) if draws is None else draws
    values, explained = [], []
    with frozen(classifier):
        for number in range(baselines):
            start = baseline(x, draws, number)
            context = AttributionContext(classifier, x, start, explained_classes, output, draws, images_per_pass)
            values.append(method.attribute(context))
            explained.append(context.outputs(x) - context.outputs(start))
    return Attribution(torch.stack(values).mean(0), torch.stack(explained).mean(0))


@torch.no_grad()
def attribution_of_path_gradient(
    surrogate: Classifier,
    images: Tensor,
    classes: Tensor,
    path_gradient: Tensor,
    at_black: tuple[Tensor, Tensor] | None = None,
) -> Attribution:
    """Return what `FeatureDifference` attributes to the class probability, from a gradient that an attack has taken.

    Args:
        surrogate: The classifier with one attacked layer, on the images' device.
        images: Images x of shape (B, 3, H, W) in [0, 1].
        classes: Classes of shape (B,) whose probability is attributed.
        path_gradient: The gradient averaged over the path from black, of the attacked layer's shape (B, ...).
        at_black: The surrogate's `features_and_logits` of one black image; None where they are not known.
    """
    features, logits = surrogate.features_and_logits(images)
    black_features, black_logits = at_black or surrogate.features_and_logits(torch.zeros_like(images[:1]))
    explained = class_probability(logits, classes) - black_logits.softmax(1)[0, classes]
    return Attribution((features - black_features) * path_gradient, explained)
