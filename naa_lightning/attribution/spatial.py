"""Where in the image a layer's neurons are."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def spatial_map(values: Tensor) -> Tensor:
    """Sum what belongs to neurons over those at the same place.

    Args:
        values: Values of a layer's shape: (B, C, h, w), or tokens (B, T, C) of which the last h * h lie on a square
            grid and those before them, such as a class token, nowhere.

    Returns:
        Maps of shape (B, h, w).

    Raises:
        ValueError: The layer's neurons lie nowhere in the image.

    Example:
        >>> spatial_map(torch.ones(2, 8, 3, 4)).shape, spatial_map(torch.ones(2, 197, 8)).shape
        (torch.Size([2, 3, 4]), torch.Size([2, 14, 14]))
    """
    if values.ndim == 4:
        return values.sum(1)
    if values.ndim == 3:
        side = math.isqrt(values.shape[1])
        return values[:, -side * side :].sum(2).view(-1, side, side)
    raise ValueError(f"expected a layer's output of shape (B, C, h, w) or (B, T, C), got {tuple(values.shape)}")


def on_one_grid(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Bring two maps (B, h, w) to the finer one's size by bilinear interpolation."""
    size = max(one.shape[-2:], other.shape[-2:])
    return _resized(one, size), _resized(other, size)


def _resized(maps: Tensor, size: torch.Size) -> Tensor:
    return F.interpolate(maps[:, None], size=tuple(size), mode="bilinear", align_corners=False)[:, 0]
