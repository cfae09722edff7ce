"""Gradients of a surrogate's output at its attacked layer, averaged over inputs."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from naa_lightning.attribution.output import Output
from naa_lightning.models import Classifier


@dataclass(frozen=True)
class AverageGradient:
    """An average over inputs.

    Args:
        gradient: As the attacked layer's output, one per image.
        evaluations: How many gradients it is the average of.
    """

    gradient: Tensor
    evaluations: int


def average_gradient(surrogate: Classifier, inputs: Iterable[Tensor], output: Output) -> AverageGradient:
    """Average the gradient of an output at the attacked layer over inputs.

    With the points of NAA's path and the true class's probability, this is the integral of the paper's equation 5.

    Args:
        surrogate: Its attacked layer is differentiated; nothing below is.
        inputs: Each (B, 3, H, W).
        output: What is differentiated, of the logits.

    Raises:
        ValueError: There is no input.
    """
    total, count = None, 0
    for images in inputs:
        gradient = surrogate.layer_gradient(images, output)
        total = gradient if total is None else total + gradient
        count += 1
    if total is None:
        raise ValueError("expected at least one input, got none")
    return AverageGradient(total / count, count)


def unit_norm(gradients: Tensor) -> Tensor:
    """Scale each image's gradients (B, ...) to an L2 norm of 1; zero stays zero.

    Scaling by the largest value first keeps tiny gradients of a saturated softmax from vanishing when squared.

    Example:
        >>> unit_norm(torch.tensor([[3e-30, 4e-30], [0.0, 0.0]]))
        tensor([[0.6000, 0.8000],
                [0.0000, 0.0000]])
    """
    dims = tuple(range(1, gradients.ndim))
    tiny = torch.finfo(gradients.dtype).tiny
    scaled = gradients / gradients.abs().amax(dims, keepdim=True).clamp_min(tiny)
    norm: Tensor = torch.linalg.vector_norm(scaled, dim=dims, keepdim=True)
    return scaled / norm.clamp_min(tiny)
