"""Gradients of a surrogate's output at its attacked layer, averaged over inputs."""

from collections.abc import Iterable

import torch
from torch import Tensor

from naa_lightning.models import Classifier


def path_gradient(surrogate: Classifier, points: Iterable[Tensor], labels: Tensor) -> Tensor:
    """Average the gradient of the true class's softmax probability over points of a path (paper, equation 5).

    Args:
        surrogate: Its attacked layer is differentiated; nothing below is.
        points: Each (B, 3, H, W).
        labels: True classes (B,).

    Returns:
        As the attacked layer's output, one gradient per image.
    """

    def probability(logits: Tensor) -> Tensor:
        return logits.softmax(dim=1).gather(1, labels[:, None]).squeeze(1)

    total, count = None, 0
    for inputs in points:
        gradient = surrogate.layer_gradient(inputs, probability)
        total = gradient if total is None else total + gradient
        count += 1
    if total is None:
        raise ValueError("expected at least one point, got none")
    return total / count


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
