"""What an attack increases."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from torch import Tensor

from naa_lightning.models import Classifier
from naa_lightning.rng import Draws

View: TypeAlias = Callable[[Tensor], Tensor]
"""Maps images (B, 3, H, W) to what the surrogate sees of them."""

Score: TypeAlias = Callable[[Tensor, View], Tensor]
"""See `Goal`."""


@dataclass(frozen=True)
class Task:
    """What an objective is made ready for.

    Args:
        surrogate: With one attacked layer, where the objective is of features; an `Ensemble` only where it is not.
        images: Clean images (B, 3, H, W) in [0, 1].
        labels: Classes (B,) that are attacked: the true ones, or those that a targeted attack aims at.
        draws: Where random numbers come from.
        view: Maps images (B, 3, H, W) and the number of a pass to what the surrogate sees of them in it. Numbers below
            0 are for passes of the preparation, which go through the transforms' copies in turn.
        pass_images: How many images go through the surrogate at once while weights are averaged, a multiple of B; None:
            B.
    """

    surrogate: Classifier
    images: Tensor
    labels: Tensor
    draws: Draws
    view: Callable[[Tensor, int], Tensor]
    pass_images: int | None = None


@dataclass(frozen=True)
class Goal:
    """An objective made ready for one batch.

    Args:
        score: Maps what the surrogate sees of the adversarial images (B, 3, H, W), and a function that shows it other
            images in the same way, to what the attack increases, one number per image (B,).
        gradient_evaluations: How many gradients per image it took to make ready.
        start: Where the attack begins instead of at the clean images.
        path_gradient: The surrogate's gradient averaged over the attribution path, as the attacked layer's output;
            None for an objective that attributes nothing.
    """

    score: Score
    gradient_evaluations: int = 0
    start: Tensor | None = None
    path_gradient: Tensor | None = None


@runtime_checkable
class Objective(Protocol):
    """Anything that can be made ready for a batch of clean images."""

    @property
    def feature_level(self) -> bool:
        """Whether it is of the attacked layer's output rather than of the logits."""
        ...

    @property
    def untargetable(self) -> str | None:
        """Why it cannot be turned towards a class; None where it can, by decreasing what it would increase."""
        ...

    def prepare(self, task: Task) -> Goal:
        """Make the objective ready."""
        ...
