"""Gradients of a surrogate's output at its attacked layer, averaged over inputs."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from naa_lightning.attribution.output import Output, of_classes
from naa_lightning.attribution.passes import forward_passes
from naa_lightning.models import Classifier


class AverageGradient(NamedTuple):
    """Gradients averaged over inputs, of the attacked layer's shape (B, ...).

    Args:
        plain: The weighted mean of the gradients.
        balanced: The same with each gradient divided by a power of its norm; `plain` itself for the power 0.
    """

    plain: Tensor
    balanced: Tensor


def average_gradient(
    surrogate: Classifier,
    inputs: Iterable[Tensor],
    classes: Tensor,
    output: Output,
    *,
    weights: Sequence[float],
    balance: float = 0.0,
    images_per_pass: int | None = None,
) -> AverageGradient:
    """Average the gradient of an output at the attacked layer over inputs.

    With the points of NAA's path and the true class's probability, this is the integral of the paper's equation 5.
    Gradients are as precise as the inputs, also under autocast; nothing below the layer is differentiated.

    Args:
        surrogate: The classifier with one attacked layer.
        inputs: Images of shape (B, 3, H, W) in [0, 1] each.
        classes: The images' classes of shape (B,).
        output: The function of logits and classes that is differentiated.
        weights: The weight of each input, with a sum of 1.
        balance: The power of each gradient's L2 norm by which it is divided in the balanced mean.
        images_per_pass: The number of images per pass through the surrogate; None for one input per pass.

    Raises:
        ValueError: There are more or fewer inputs than weights, or none.
    """
    average: AverageGradient | None = None
    done = 0
    for one in forward_passes(([images] for images in inputs), images_per_pass):
        (images,) = one.columns
        gradients = surrogate.layer_gradient(images, of_classes(output, one.of_images(classes))).to(images.dtype)
        for (point, rows), (gradient,) in one.split(gradients):
            if average is None:
                plain = gradient.new_zeros(len(classes), *gradient.shape[1:])
                average = AverageGradient(plain, plain.clone() if balance else plain)
            done = point + 1
            if done > len(weights):
                continue
            weighted = weights[point] * gradient
            average.plain[rows] += weighted
            if balance:
                average.balanced[rows] += weighted / l2_norm(gradient) ** balance
    if average is None or done != len(weights):
        raise ValueError(f"expected {len(weights)} inputs and at least one, got {done}")
    return average


def equal_weights(count: int) -> Sequence[float]:
    """Return the weights of a mean over a number of inputs."""
    return [1 / count] * count


def l2_norm(gradients: Tensor) -> Tensor:
    """Return the L2 norm of each image's gradients (B, ...) as (B, 1, ...); of zero, the smallest normal number.

    Example:
        >>> l2_norm(torch.tensor([[3e-30, 4e-30]]))
        tensor([[5.0000e-30]])
    """
    scaled, largest = _scaled(gradients)
    norm: Tensor = largest * torch.linalg.vector_norm(scaled, dim=tuple(range(1, gradients.ndim)), keepdim=True)
    return norm.clamp_min(torch.finfo(gradients.dtype).tiny)


def unit_norm(gradients: Tensor) -> Tensor:
    """Scale each image's gradients (B, ...) to an L2 norm of 1; zero stays zero.

    Example:
        >>> unit_norm(torch.tensor([[3e-30, 4e-30], [0.0, 0.0]]))
        tensor([[0.6000, 0.8000],
                [0.0000, 0.0000]])
    """
    scaled, _ = _scaled(gradients)
    return scaled / l2_norm(scaled)


def _scaled(gradients: Tensor) -> tuple[Tensor, Tensor]:
    """Divide each image's gradients by the largest, which keeps tiny ones of a saturated softmax when squared."""
    largest = gradients.abs().amax(tuple(range(1, gradients.ndim)), keepdim=True)
    largest = largest.clamp_min(torch.finfo(gradients.dtype).tiny)
    return gradients / largest, largest
