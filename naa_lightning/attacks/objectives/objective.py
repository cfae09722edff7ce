"""What an attack increases."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from naa_lightning.draws import Draws
from naa_lightning.models import Classifier


@dataclass(frozen=True)
class Goal:
    """An objective made ready for one batch.

    Args:
        score: Maps images (B, 3, H, W) in [0, 1] to what the attack increases, one number per image (B,).
        gradient_evaluations: How many gradients per image it took to make ready.
        path_gradient: The surrogate's gradient averaged over the attribution path, as the attacked layer's output;
            None for an objective that attributes nothing.
    """

    score: Callable[[Tensor], Tensor]
    gradient_evaluations: int = 0
    path_gradient: Tensor | None = None


class Objective(Protocol):
    """Anything that can be made ready for a batch of clean images."""

    def prepare(self, surrogate: Classifier, images: Tensor, labels: Tensor, draws: Draws) -> Goal:
        """Make the objective ready for clean images (B, 3, H, W) in [0, 1] with true classes (B,)."""
        ...
