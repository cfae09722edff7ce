"""The update of NI-FGSM (Lin et al., ICLR 2020, arXiv:1908.06281)."""

from torch import Tensor

from naa_lightning.attacks.budget import Budget
from naa_lightning.attacks.updates.momentum import accumulation
from naa_lightning.attacks.updates.update import GradientAt, Step, Update
from naa_lightning.rng import Draws
from naa_lightning.validation import check_at_least


class Nesterov(Update):
    """Momentum whose gradient is taken where the accumulated one would lead: at x + step_size decay g (equation 6).

    The lead is a change of pixel values, so that only an L-infinity budget gives it its size.

    Args:
        decay: The factor mu by which the accumulated gradient is kept.

    Raises:
        ValueError: It is negative.
    """

    norms = ("linf",)

    def __init__(self, *, decay: float = 1.0) -> None:
        check_at_least("decay", decay, 0)
        self.decay = decay

    def begin(self, budget: Budget, draws: Draws) -> Step:
        """Return the step function of a new attack."""
        accumulate = accumulation(self.decay)
        lead: Tensor | float = 0.0

        def step(adversarial: Tensor, gradient_at: GradientAt) -> Tensor:
            nonlocal lead
            accumulated = accumulate(gradient_at(adversarial + lead))
            lead = budget.step_size * self.decay * accumulated
            return budget.step(accumulated)

        return step
