"""Norms of perturbations, and what a budget needs to know of them."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from naa_lightning.attribution import unit_norm
from naa_lightning.rng import Draws


class Norm(ABC):
    """A norm of perturbations (B, 3, H, W)."""

    @abstractmethod
    def ascent_direction(self, gradient: Tensor) -> Tensor:
        """Return the direction of steepest ascent: the perturbation of norm 1 that a gradient favours, zero at zero."""

    @abstractmethod
    def project(self, perturbation: Tensor, radius: float) -> Tensor:
        """Return the nearest perturbation of norm at most `radius`."""

    @abstractmethod
    def random(self, draws: Draws, purpose: str, index: int, like: Tensor) -> Tensor:
        """Return perturbations drawn uniformly among those of norm at most 1."""

    @abstractmethod
    def round(self, levels: Tensor, radius: float) -> Tensor:
        """Round perturbations of norm at most `radius` to whole numbers, staying within it."""


class LInf(Norm):
    """The largest change of a pixel value."""

    def ascent_direction(self, gradient: Tensor) -> Tensor:
        """Return the sign."""
        return gradient.sign()

    def project(self, perturbation: Tensor, radius: float) -> Tensor:
        """Clip every value."""
        return perturbation.clamp(-radius, radius)

    def random(self, draws: Draws, purpose: str, index: int, like: Tensor) -> Tensor:
        """Draw every value from [-1, 1)."""
        return 2 * draws.uniform(purpose, index, like) - 1

    def round(self, levels: Tensor, radius: float) -> Tensor:
        """Round to the nearest, clipped to the whole numbers within the radius."""
        most = whole_levels(radius)
        return levels.round().clamp(-most, most)


class L2(Norm):
    """The Euclidean length of an image's perturbation."""

    def ascent_direction(self, gradient: Tensor) -> Tensor:
        """Return the gradient at length 1."""
        return unit_norm(gradient)

    def project(self, perturbation: Tensor, radius: float) -> Tensor:
        """Shorten what is too long."""
        length: Tensor = torch.linalg.vector_norm(perturbation, dim=(1, 2, 3), keepdim=True)
        return perturbation * (radius / length.clamp_min(torch.finfo(length.dtype).tiny)).clamp_max(1)

    def random(self, draws: Draws, purpose: str, index: int, like: Tensor) -> Tensor:
        """Draw a direction, and a length whose n-th power is uniform, n being the number of values."""
        direction = self.ascent_direction(draws.normal(purpose, index, like))
        share = draws.uniform(purpose + "/length", index, like.new_empty(len(like)))
        return direction * share.pow(1 / like[0].numel()).view(-1, 1, 1, 1)

    def round(self, levels: Tensor, radius: float) -> Tensor:
        """Round to the nearest, then take back those values that rounding enlarged most until the length fits.

        Values that rounding enlarged alike are taken back together, so that grey perturbations stay grey.
        """
        rounded = levels.round().flatten(1).double()
        enlarged = rounded.abs() - levels.flatten(1).double().abs()
        gain = 2 * rounded.abs() - 1  # by how much the squared length shrinks with one level less
        by_size, order = enlarged.sort(dim=1, descending=True, stable=True)
        excess = rounded.square().sum(1, keepdim=True) - radius**2
        shrunk = gain.gather(1, order).cumsum(1)
        needed = torch.cat([torch.zeros_like(shrunk[:, :1]), shrunk[:, :-1]], dim=1) < excess
        least = torch.where(needed & (by_size > 0), by_size, torch.inf).amin(1, keepdim=True)
        take_back = enlarged >= least
        return (rounded - rounded.sign() * take_back).view_as(levels).to(levels.dtype)


def whole_levels(radius: float) -> int:
    """Return the largest whole number within a radius that may be a rounding error too small."""
    return math.floor(radius + 1e-9)


NORMS: dict[str, Norm] = {"linf": LInf(), "l2": L2()}
