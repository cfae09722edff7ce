"""Gradients of a surrogate's output at its attacked layer, averaged over inputs."""

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from naa_lightning.attribution.output import Output, of_classes
from naa_lightning.attribution.passes import Piece, in_passes
from naa_lightning.models import Classifier


def average_gradient(
    surrogate: Classifier,
    inputs: Iterable[Tensor],
    classes: Tensor,
    output: Output,
    *,
    weights: Sequence[float],
    path_batch_size: int | None = None,
) -> Tensor:
    """Average the gradient of an output at the attacked layer over inputs.

    With the points of NAA's path and the true class's probability, this is the integral of the paper's equation 5.

    Args:
        surrogate: Its attacked layer is differentiated; nothing below is.
        inputs: Each (B, 3, H, W).
        classes: Of the images, (B,).
        output: What is differentiated.
        weights: What each input counts; their sum is 1.
        path_batch_size: Images per pass through the surrogate; None: one input per pass.

    Returns:
        As the attacked layer's output, one per image.

    Raises:
        ValueError: There are more or fewer inputs than weights, or none.
    """
    total: Tensor | None = None
    done = 0
    for (point, rows), gradient in layer_gradients(surrogate, inputs, classes, output, path_batch_size):
        if total is None:
            total = gradient.new_zeros(len(classes), *gradient.shape[1:])
        done = point + 1
        if done <= len(weights):
            total[rows] += weights[point] * gradient
    if total is None or done != len(weights):
        raise ValueError(f"expected {len(weights)} inputs and at least one, got {done}")
    return total


def layer_gradients(
    surrogate: Classifier,
    inputs: Iterable[Tensor],
    classes: Tensor,
    output: Output,
    path_batch_size: int | None = None,
) -> Iterator[tuple[Piece, Tensor]]:
    """Yield the gradient of an output at the attacked layer for some images at one of the inputs, and for which.

    The arguments are those of `average_gradient`. Gradients are as precise as the inputs, also under autocast.
    """
    for part in in_passes(([images] for images in inputs), path_batch_size):
        (images,) = part.columns
        gradients = surrogate.layer_gradient(images, of_classes(output, part.of_images(classes)))
        for piece, (gradient,) in part.split(gradients.to(images.dtype)):
            yield piece, gradient


def equal_weights(count: int) -> Sequence[float]:
    """Return the weights of a mean."""
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
