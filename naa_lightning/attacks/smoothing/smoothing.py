"""Filters on the gradient."""

from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Smoothing(Protocol):
    """Anything that filters a gradient (B, 3, H, W)."""

    def __call__(self, gradient: Tensor) -> Tensor:
        """Return the filtered gradient, of the same shape."""
        ...
