"""The update of VMI-FGSM (Wang and He, CVPR 2021, arXiv:2103.15571)."""

import torch
from torch import Tensor

from naa_lightning.attacks.budget import Budget
from naa_lightning.attacks.updates.momentum import accumulation
from naa_lightning.attacks.updates.update import GradientAt, Step, Update
from naa_lightning.rng import Draws
from naa_lightning.validation import check_at_least


class VarianceTuned(Update):
    """Momentum on the gradient plus its variance in the neighbourhood of the step before.

    g <- decay g + (grad + v) / mean|grad + v|, then v <- mean of the gradients at neighbours - grad (algorithm 1).

    Args:
        decay: The factor mu by which the accumulated gradient is kept.
        neighbours: The number N of gradients for the variance at every step.
        radius: The factor beta; neighbours are drawn uniformly within beta eps.

    Raises:
        ValueError: A value is out of range.
    """

    def __init__(self, *, decay: float = 1.0, neighbours: int = 20, radius: float = 1.5) -> None:
        check_at_least("decay", decay, 0)
        check_at_least("neighbours", neighbours, 1)
        check_at_least("radius", radius, 0)
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
                neighbour = budget.sample_within(adversarial, self.radius * budget.eps, draws, "vmi/neighbour", index)
                around += gradient_at(neighbour)
            drawn += self.neighbours
            variance = around / self.neighbours - gradient
            return budget.step(accumulated)

        return step
