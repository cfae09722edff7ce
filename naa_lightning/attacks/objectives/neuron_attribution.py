"""The objective of NAA (Zhang et al., CVPR 2022, arXiv:2204.00008)."""

from collections.abc import Callable

import torch
from torch import Tensor

from naa_lightning.attacks.objectives.objective import Goal, Score, Task, View
from naa_lightning.attacks.objectives.weighted_features import fall_of_weighted_features
from naa_lightning.attacks.values import check_at_least
from naa_lightning.attribution import average_gradient, class_probability, path_points, unit_norm

TRANSFORMATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda a: a,
    "log": torch.log1p,
    "exponential": torch.expm1,
    "tanh": torch.tanh,
    "square": torch.square,
}


class NeuronAttribution:
    """Suppress neurons of the attacked layer that speak for the true class, promote those against it.

    With the weights w, the unit-norm gradient of the true class's probability averaged over the path from the image
    to black, a neuron's attribution is A = (y_adv - y_black) w. The attack increases
    -(sum f_p(A+) - gamma sum f_n(A-)), A+ and A- being the positive and the negated negative part (paper, equation 9).
    The release puts gamma on the other sum; at 1 that is the same.

    The transformations f_p and f_n of attributions a >= 0, each 0 at 0:

    - "identity": a
    - "log": ln(1 + a)
    - "exponential": exp(a) - 1
    - "tanh": tanh(a)
    - "square": a^2

    Args:
        path_points: N, points on the path.
        noise: Standard deviation of the normal noise on each point, images being in [0, 1] (in the authors' release,
            not in the paper).
        gamma: Weight of the negative attribution.
        positive: f_p, by name.
        negative: f_n, by name.

    Raises:
        ValueError: A value is out of range.
    """

    feature_level = True
    untargetable = None

    def __init__(
        self,
        *,
        path_points: int = 30,
        noise: float = 0.1,
        gamma: float = 1.0,
        positive: str = "identity",
        negative: str = "identity",
    ) -> None:
        check_at_least("path_points", path_points, 1)
        check_at_least("noise", noise, 0)
        check_at_least("gamma", gamma, 0)
        for key, name in (("positive", positive), ("negative", negative)):
            if name not in TRANSFORMATIONS:
                raise ValueError(f"{key} must be one of {', '.join(TRANSFORMATIONS)}, got {name!r}")
        self.path_points = path_points
        self.noise = noise
        self.gamma = gamma
        self.positive = positive
        self.negative = negative

    def prepare(self, task: Task) -> Goal:
        """Compute the weights, once, on the clean images."""
        points = path_points(task.images, self.path_points, self.noise, task.draws)
        seen = (task.view(point, -1 - index) for index, point in enumerate(points))
        average = average_gradient(task.surrogate, seen, class_probability(task.labels))
        weights = unit_norm(average.gradient)
        if self.gamma == 1 and self.positive == self.negative == "identity":
            # A+ - A- = A, linear in y_adv: y_black drops out of the gradient
            score = fall_of_weighted_features(task.surrogate, weights)
        else:
            score = self._split_score(task, weights)
        return Goal(score, average.evaluations, path_gradient=average.gradient)

    def _split_score(self, task: Task, weights: Tensor) -> Score:
        with torch.no_grad():
            y_black = task.surrogate.features(torch.zeros_like(task.images[:1]))
        f_p, f_n = TRANSFORMATIONS[self.positive], TRANSFORMATIONS[self.negative]

        def score(seen: Tensor, view: View) -> Tensor:
            attribution = ((task.surrogate.features(seen) - y_black) * weights).flatten(1)
            positive, negative = f_p(attribution.clamp_min(0)), f_n((-attribution).clamp_min(0))
            return -(positive.sum(1) - self.gamma * negative.sum(1))

        return score
