"""The objective of NAA (Zhang et al., CVPR 2022, arXiv:2204.00008)."""

import math

import torch
from torch import Tensor

from naa_lightning.attacks.objectives.objective import Goal
from naa_lightning.attribution import path_gradient, path_points, unit_norm
from naa_lightning.draws import Draws
from naa_lightning.models import Classifier


class NeuronAttribution:
    """Suppress neurons of the attacked layer that speak for the true class, promote those against it.

    With the weights w, the unit-norm gradient of the true class's probability averaged over the path from the image
    to black, a neuron's attribution is A = (y_adv - y_black) w. The attack increases
    -(sum A+ - gamma sum A-), A+ and A- being the positive and the negated negative part (paper, equation 9, with
    identity for f_p and f_n).

    Args:
        path_points: N, points on the path.
        noise: Standard deviation of the normal noise on each point, images being in [0, 1] (in the authors' release,
            not in the paper).
        gamma: Weight of the negative attribution.

    Raises:
        ValueError: A value is out of range.
    """

    def __init__(self, *, path_points: int = 30, noise: float = 0.1, gamma: float = 1.0) -> None:
        if path_points < 1:
            raise ValueError(f"path_points must be at least 1, got {path_points}")
        if not 0 <= noise < math.inf:
            raise ValueError(f"noise must be at least 0, got {noise}")
        if not 0 <= gamma < math.inf:
            raise ValueError(f"gamma must be at least 0, got {gamma}")
        self.path_points = path_points
        self.noise = noise
        self.gamma = gamma

    def prepare(self, surrogate: Classifier, images: Tensor, labels: Tensor, draws: Draws) -> Goal:
        """Compute the weights, once, on the clean images."""
        points = path_points(images, self.path_points, self.noise, draws)
        gradient = path_gradient(surrogate, points, labels)
        weights = unit_norm(gradient)

        def score_linear(adversarial: Tensor) -> Tensor:
            return -(surrogate.features(adversarial) * weights).flatten(1).sum(1)

        def score_split(adversarial: Tensor) -> Tensor:
            attribution = ((surrogate.features(adversarial) - y_black) * weights).flatten(1)
            positive, negative = attribution.clamp_min(0).sum(1), (-attribution).clamp_min(0).sum(1)
            return -(positive - self.gamma * negative)

        if self.gamma == 1:  # A+ - A- = A, linear in y_adv: y_black drops out of the gradient
            return Goal(score_linear, self.path_points, gradient)
        with torch.no_grad():
            y_black = surrogate.features(torch.zeros_like(images[:1]))
        return Goal(score_split, self.path_points, gradient)
