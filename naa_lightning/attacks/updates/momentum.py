"""The update of MI-FGSM (Dong et al., CVPR 2018)."""

from collections.abc import Callable

import torch
from torch import Tensor

from naa_lightning.attacks.budget import Budget
from naa_lightning.attacks.updates.update import GradientAt, Step, Update
from naa_lightning.rng import Draws
from naa_lightning.validation import check_at_least


class Momentum(Update):
    """Step along the sign of the accumulated, per-image normalised gradient.

    g <- decay g + grad / mean|grad|, step = step_size sign(g); under an L2 budget, along g.

    Args:
        decay: The factor mu by which the accumulated gradient is kept.

    Raises:
        ValueError: It is negative.
    """

    def __init__(self, *, decay: float = 1.0) -> None:
        check_at_least("decay", decay, 0)
        self.decay = decay

    def begin(self, budget: Budget, draws: Draws) -> Step:
        """Return the step function of a new attack."""
        accumulate = accumulation(self.decay)

        def step(adversarial: Tensor, gradient_at: GradientAt) -> Tensor:
            return budget.step(accumulate(gradient_at(adversarial)))

        return step


def accumulation(decay: float) -> Callable[[Tensor], Tensor]:
    """Return a function that adds gradients (B, 3, H, W) up as g <- decay g + grad / mean|grad| and returns g."""
    accumulated: Tensor | None = None

    def accumulate(gradient: Tensor) -> Tensor:
        nonlocal accumulated
        mean = gradient.abs().mean(dim=(1, 2, 3), keepdim=True)
        normalised = gradient / mean.clamp_min(torch.finfo(gradient.dtype).tiny)
        accumulated = normalised if accumulated is None else decay * accumulated + normalised
        return accumulated

    return accumulate
