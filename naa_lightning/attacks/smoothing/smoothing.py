"""What every filter on the gradient has in common."""

from abc import ABC, abstractmethod

from torch import Tensor

from naa_lightning.attacks.part import Part


class Smoothing(Part, ABC):
    """A filter on the gradient."""

    @abstractmethod
    def __call__(self, gradient: Tensor) -> Tensor:
        """Return the filtered gradient of a gradient (B, 3, H, W), of the same shape."""
