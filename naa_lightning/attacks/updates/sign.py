"""The update of FGSM (Goodfellow et al., ICLR 2015) and I-FGSM (Kurakin et al., 2017)."""

from torch import Tensor

from naa_lightning.attacks.budget import Budget
from naa_lightning.attacks.updates.update import GradientAt, Step, Update
from naa_lightning.rng import Draws


class Sign(Update):
    """Step along the gradient's sign: step = step_size sign(grad); under an L2 budget, along the gradient."""

    def begin(self, budget: Budget, draws: Draws) -> Step:
        """Return the step function of a new attack."""

        def step(adversarial: Tensor, gradient_at: GradientAt) -> Tensor:
            return budget.step(gradient_at(adversarial))

        return step
