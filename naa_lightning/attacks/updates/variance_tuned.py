"""The update of VMI-FGSM (Wang and He, CVPR 2021, arXiv:2103.15571)."""

import math

import torch
from torch import Tensor

from naa_lightning.attacks.budget import Budget
from naa_lightning.attacks.updates.momentum import accumulation, check_decay
from naa_lightning.attacks.updates.update import GradientAt, Step
from naa_lightning.draws import Draws


class VarianceTuned:
    """Momentum on the gradient plus its variance in the neighbourhood of the step before.

    g <- decay g + (grad + v) / mean|grad + v|, then v <- mean of the gradients at neighbours - grad (algorithm 1).

    Args:
        decay: mu, how much of the accumulated gradient is kept.
        neighbours: N, gradients for the variance at every step.
        radius: beta; neighbours are drawn uniformly within beta eps.

    Raises:
        ValueError: A value is out of range.
    """

    norms = ("linf", "l2")

    def __init__(self, *, decay: float = 1.0, neighbours: int = 20, radius: float = 1.5) -> None:
        check_decay(decay)
        if neighbours < 1:
            raise ValueError(f"neighbours must be at least 1, got {neighbours}")
        if not 0 <= radius < math.inf:
            raise ValueError(f"radius must be at least 0, got {radius}")
        self.decay = decay
        self.neighbours = neighbours
        self.radius = radius

    def begin(self, budget: Budget, draws: Draws) -> Step:
        """Return the step function of a new attack."""
        accumulate = accumulation(self.decay)
        variance: Tensor | float = 0.0
        drawn = 0

        def step(adversarial: Tensor, gradient_at: GradientAt) -> Tensor:
            nonlocal variance, drawn
            gradient = gradient_at(adversarial)
            accumulated = accumulate(gradient + variance)
            around = torch.zeros_like(gradient)
            for index in range(drawn, drawn + self.neighbours):
                near = budget.near(adversarial, self.radius * budget.eps, draws, "vmi/neighbour", index)
                around += gradient_at(near)
            drawn += self.neighbours
            variance = around / self.neighbours - gradient
            return budget.step(accumulated)

        return step
