"""Where in the image a layer's neurons are."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Layout = Literal["channels first", "channels last", "tokens"]


def spatial_map(values: Tensor, size: Sequence[int]) -> Tensor:
    """Sum what belongs to neurons over those at the same place.

    Args:
        values: Values of a layer's shape: (B, C, h, w); (B, h, w, C), which are told apart by the proportions of the
            image; or tokens (B, T, C) of which the last h * h lie on a square grid and those before them, such as a
            class token, nowhere.
        size: Height and width of the images that the network saw.

    Returns:
        Maps of shape (B, h, w).

    Raises:
        ValueError: The layer's neurons lie nowhere in the image.

    Example:
        >>> spatial_map(torch.ones(2, 8, 3, 4), (24, 32)).shape, spatial_map(torch.ones(2, 3, 4, 8), (24, 32)).shape
        (torch.Size([2, 3, 4]), torch.Size([2, 3, 4]))
        >>> spatial_map(torch.ones(2, 197, 8), (224, 224)).shape
        torch.Size([2, 14, 14])
    """
    if values.ndim == 4:
        return values.sum(-1 if layout_of(values.shape, size) == "channels last" else 1)
    if values.ndim == 3:
        side = math.isqrt(values.shape[1])
        return values[:, -side * side :].sum(2).view(-1, side, side)
    raise ValueError(
        f"expected a layer's output of shape (B, C, h, w), (B, h, w, C) or (B, T, C), got {tuple(values.shape)}"
    )


def layout_of(shape: Sequence[int], size: Sequence[int]) -> Layout | None:
    """Return how a layer's output of a shape lies in images of a size; None where it does not.

    Example:
        >>> layout_of((1, 56, 56, 96), (224, 224)), layout_of((1, 512, 7, 7), (224, 224)), layout_of((1, 512), (7, 7))
        ('channels last', 'channels first', None)
    """
    if len(shape) == 4 and _is_grid(shape[2], shape[3], size):
        return "channels first"
    if len(shape) == 4 and _is_grid(shape[1], shape[2], size):
        return "channels last"
    side = math.isqrt(shape[1]) if len(shape) == 3 else 0
    return "tokens" if _is_grid(side, side, size) else None


def _is_grid(height: int, width: int, size: Sequence[int]) -> bool:
    """Whether a grid has several places and the proportions of an image, but for the rounding of a place."""
    return height * width > 1 and abs(height * size[1] - width * size[0]) <= max(size)


def on_one_grid(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Bring two maps (B, h, w) to the finer one's size by bilinear interpolation."""
    size = max(one.shape[-2:], other.shape[-2:])
    return _resized(one, size), _resized(other, size)


def _resized(maps: Tensor, size: torch.Size) -> Tensor:
    return F.interpolate(maps[:, None], size=tuple(size), mode="bilinear", align_corners=False)[:, 0]
