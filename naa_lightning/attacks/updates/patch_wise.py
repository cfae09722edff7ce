"""The update of PI-FGSM (Gao et al., ECCV 2020, arXiv:2007.06765)."""

import math

from torch import Tensor
from torch.nn import functional as F

from naa_lightning.attacks.budget import Budget
from naa_lightning.attacks.updates.momentum import accumulation
from naa_lightning.attacks.updates.update import GradientAt, Step, Update
from naa_lightning.rng import Draws
from naa_lightning.validation import check_at_least

# Noise below this is rounding: the steps are multiples of one number, so that exact ties are common.
TIE = 1e-6


class PatchWise(Update):
    """Enlarge the steps, and hand what they would exceed the budget by to the neighbouring pixels.

    With b = amplification step_size and a the sum of all steps so far, a step is b sign(g) plus
    projection b sign(W * cut), where cut is what a exceeds eps by and W averages over a pixel's neighbours. g is
    accumulated as in MI-FGSM. The defaults are those with which NAA's authors combine it; the paper's own attack has
    amplification 10, projection 1 and decay 0.

    Args:
        amplification: The factor beta by which steps are enlarged.
        projection: The size gamma / b of what neighbours are handed, over that of an enlarged step.
        kernel: The side of W in pixels, odd.
        decay: The factor mu by which the accumulated gradient is kept.

    Raises:
        ValueError: A value is out of range.
    """

    norms = ("linf",)

    def __init__(
        self, *, amplification: float = 2.5, projection: float = 0.5, kernel: int = 3, decay: float = 1.0
    ) -> None:
        check_at_least("decay", decay, 0)
        if not 0 < amplification < math.inf:
            raise ValueError(f"amplification must be positive, got {amplification}")
        check_at_least("projection", projection, 0)
        if kernel < 3 or kernel % 2 == 0:
            raise ValueError(f"kernel must be odd and at least 3, got {kernel}")
        self.amplification = amplification
        self.projection = projection
        self.kernel = kernel
        self.decay = decay

    def begin(self, budget: Budget, draws: Draws) -> Step:
        """Return the step function of a new attack."""
        accumulate = accumulation(self.decay)
        amplified: Tensor | float = 0.0

        def step(adversarial: Tensor, gradient_at: GradientAt) -> Tensor:
            nonlocal amplified
            change = self.amplification * budget.step(accumulate(gradient_at(adversarial)))
            amplified = amplified + change
            cut = _without_ties((amplified.abs() - budget.eps).clamp_min(0) * amplified.sign())
            handed = self.projection * self.amplification * budget.step(_without_ties(self._around(cut)))
            amplified = amplified + handed
            return change + handed

        return step

    def _around(self, values: Tensor) -> Tensor:
        """Average every pixel's neighbours, without itself and taking what lies outside the image as zero."""
        area = self.kernel**2
        return (area * F.avg_pool2d(values, self.kernel, stride=1, padding=self.kernel // 2) - values) / (area - 1)


def _without_ties(noise: Tensor) -> Tensor:
    return noise.masked_fill(noise.abs() < TIE, 0)
