"""How gradients become steps."""

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from naa_lightning.attacks.budget import Budget


class Update(Protocol):
    """Anything that can begin a new sequence of steps."""

    def begin(self, budget: Budget) -> Callable[[Tensor], Tensor]:
        """Return a function from a gradient (B, 3, H, W) to the change of the images, with a memory of its own."""
        ...
