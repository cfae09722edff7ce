"""The objective of BFA (Wang et al., Neurocomputing 595, 2024)."""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from naa_lightning.attacks.objectives.objective import AttackContext, Objective, PreparedObjective
from naa_lightning.attacks.objectives.weighted_features import aggregate_gradient_objective
from naa_lightning.attribution import unit_norm
from naa_lightning.validation import check_at_least


class BlackBoxFeature(Objective):
    """FIA with fitted images: copies of the clean image that are moved against the true class instead of masked.

    x_l+1 = x + reach g / ||g||_2, g being the gradient of the cross-entropy at x_l and x_0 the clean image x. The
    weights w are the unit-norm average of the gradients of the true class's logit at x_1 ... x_N; increased is
    -sum(y_adv w). As in the release, images are not clipped; there g is the gradient in normalised space, which has the
    same direction where all channels have one standard deviation.

    Args:
        fits: The number N of fitted images; each costs two gradients.
        reach: The L2 length eta of the change, images being in [0, 1]; the paper's 28 is meant for 299 x 299 pixels.

    Raises:
        ValueError: A value is out of range.
    """

    untargetable = "its fitted images leave the true class, and the paper has none that approach another"

    def __init__(self, *, fits: int = 30, reach: float = 28.0) -> None:
        check_at_least("fits", fits, 1)
        check_at_least("reach", reach, 0)
        self.fits = fits
        self.reach = reach

    def prepare(self, context: AttackContext) -> PreparedObjective:
        """Compute the weights, once, from the clean images."""
        prepared = aggregate_gradient_objective(context, self._fitted(context), self.fits)
        return replace(prepared, gradient_evaluations=self.fits + prepared.gradient_evaluations)

    def _fitted(self, context: AttackContext) -> Iterator[Tensor]:
        fitted = context.images
        for index in range(self.fits):
            point = fitted.detach().requires_grad_()
            loss = F.cross_entropy(context.surrogate(context.view(point, -1 - index)), context.labels, reduction="sum")
            (gradient,) = torch.autograd.grad(loss, point)
            fitted = context.images + self.reach * unit_norm(gradient)
            yield context.view(fitted, -1 - self.fits - index)
