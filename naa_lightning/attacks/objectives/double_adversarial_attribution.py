"""The objective of DANAA (Jin et al., 2023, arXiv:2310.10427)."""

import torch
from torch import Tensor

from naa_lightning.attacks.objectives.objective import AttackContext, Objective, PreparedObjective
from naa_lightning.attacks.objectives.weighted_features import weighted_feature_score
from naa_lightning.attribution import class_probability, unit_norm
from naa_lightning.validation import check_at_least, parse_number


class DoubleAdversarialAttribution(Objective):
    """NAA along a non-linear path: that of an adversarial image in the making instead of a fade to black.

    x_0 is the clean image and x_l+1 = x_l - path_step sign(dp/dx), p being the true class's probability at x_l plus
    fresh normal noise. The weights w are the unit-norm sum of the gradients dp/dy of the attacked layer at the same
    points; increased is -sum(y_adv w). As in the release, gamma is 1, so that the features of the path's end, which the
    paper subtracts, have no effect.

    Args:
        path_points: The number N of points on the path.
        path_step: The change of a pixel value from one point to the next, images being in [0, 1]. The release has
            0.0025 in [-1, 1].
        noise: The standard deviation of the noise at every point. The release has 0.25 in [-1, 1].

    Raises:
        ValueError: A value is out of range.
    """

    untargetable = "its path leads away from the true class, and the paper has none that leads towards another"

    def __init__(self, *, path_points: int = 30, path_step: float | str = 0.00125, noise: float = 0.125) -> None:
        check_at_least("path_points", path_points, 1)
        check_at_least("noise", noise, 0)
        self.path_points = path_points
        self.path_step = parse_number("path_step", path_step, 0)
        self.noise = noise

    def prepare(self, context: AttackContext) -> PreparedObjective:
        """Walk the path from the clean images."""
        images = context.images
        total: Tensor | float = 0.0
        for index in range(self.path_points):
            noise = context.draws.normal("danaa/noise", index, images)
            point = (images + self.noise * noise).detach().requires_grad_()
            features, logits = context.surrogate.features_and_logits(context.view(point, -1 - index))
            towards, gradient = torch.autograd.grad(class_probability(logits, context.labels).sum(), [point, features])
            images = images - self.path_step * towards.sign()
            total = total + gradient
        assert isinstance(total, Tensor)
        return PreparedObjective(weighted_feature_score(context.surrogate, unit_norm(total)), self.path_points)
