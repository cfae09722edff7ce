"""How gradients become steps."""

from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable

from torch import Tensor

from naa_lightning.attacks.budget import Budget
from naa_lightning.rng import Draws

GradientAt: TypeAlias = Callable[[Tensor], Tensor]
"""Gives the gradient of what the attack increases at images (B, 3, H, W)."""

Step: TypeAlias = Callable[[Tensor, GradientAt], Tensor]
"""Gives the change of adversarial images (B, 3, H, W)."""


@runtime_checkable
class Update(Protocol):
    """Anything that can begin a new sequence of steps."""

    @property
    def norms(self) -> tuple[str, ...]:
        """Of the budgets that it works with."""
        ...

    def begin(self, budget: Budget, draws: Draws) -> Step:
        """Return a step function with a memory of its own."""
        ...
