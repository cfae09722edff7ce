"""What every rule from gradients to steps has in common."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeAlias

from torch import Tensor

from naa_lightning.attacks.budget import Budget
from naa_lightning.attacks.part import Part
from naa_lightning.rng import Draws

GradientAt: TypeAlias = Callable[[Tensor], Tensor]
"""Maps images (B, 3, H, W) to the gradient of what the attack increases, of the same shape."""

Step: TypeAlias = Callable[[Tensor, GradientAt], Tensor]
"""Maps adversarial images (B, 3, H, W) and the gradient's function to their change, of the same shape."""


class Update(Part, ABC):
    """A rule by which gradients become steps.

    Attributes:
        norms: The norms of the budgets that the rule works with.
    """

    norms: Sequence[str] = ("linf", "l2")

    @abstractmethod
    def begin(self, budget: Budget, draws: Draws) -> Step:
        """Return the step function of a new attack, with a memory of its own."""
