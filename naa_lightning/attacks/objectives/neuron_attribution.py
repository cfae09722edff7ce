"""The objective of NAA (Zhang et al., CVPR 2022, arXiv:2204.00008)."""

from collections.abc import Callable

import torch
from torch import Tensor

from naa_lightning.attacks.objectives.objective import AttackContext, Objective, PreparedObjective, Score, View
from naa_lightning.attacks.objectives.weighted_features import weighted_feature_score
from naa_lightning.attribution import Path, average_gradient, class_probability, unit_norm
from naa_lightning.validation import check_at_least

TRANSFORMATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda a: a,
    "log": torch.log1p,
    "exponential": torch.expm1,
    "tanh": torch.tanh,
    "square": torch.square,
}


class NeuronAttribution(Objective):
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
        path_points: The number N of points on the path.
        rule: The rule for the points' places and weights; see `naa_lightning.attribution.quadrature`.
        noise: The standard deviation of the normal noise on each point, images being in [0, 1] (in the authors'
            release, not in the paper).
        antithetic: Whether the noise comes in pairs of opposite sign.
        balance: The power of a gradient's L2 norm by which it is divided for the weights: 0 as published; at 1 all
            points count the same, which of few points makes more.
        gamma: The weight of the negative attribution.
        positive: The name of f_p.
        negative: The name of f_n.

    Raises:
        ValueError: A value is out of range.
    """

    def __init__(
        self,
        *,
        path_points: int = 30,
        rule: str = "release",
        noise: float = 0.1,
        antithetic: bool = False,
        balance: float = 0.0,
        gamma: float = 1.0,
        positive: str = "identity",
        negative: str = "identity",
    ) -> None:
        check_at_least("path_points", path_points, 1)
        check_at_least("balance", balance, 0)
        check_at_least("gamma", gamma, 0)
        for key, name in (("positive", positive), ("negative", negative)):
            if name not in TRANSFORMATIONS:
                raise ValueError(f"{key} must be one of {', '.join(TRANSFORMATIONS)}, got {name!r}")
        self.path_points = path_points
        self.rule = rule
        self.noise = noise
        self.antithetic = antithetic
        self.balance = balance
        self.gamma = gamma
        self.positive = positive
        self.negative = negative
        _ = self.path  # refuses what is out of range

    @property
    def path(self) -> Path:
        """The points at which gradients are taken."""
        return Path(rule=self.rule, points=self.path_points, noise=self.noise, antithetic=self.antithetic)

    def prepare(self, context: AttackContext) -> PreparedObjective:
        """Compute the weights, once, on the clean images."""
        points = self.path.walk(context.images, torch.zeros_like(context.images), context.draws)
        average = average_gradient(
            context.surrogate,
            (context.view(point.images, -1 - index) for index, point in enumerate(points)),
            context.labels,
            class_probability,
            weights=self.path.quadrature.weights,
            balance=self.balance,
            images_per_pass=context.images_per_pass,
        )
        weights = unit_norm(average.balanced)
        if self.gamma == 1 and self.positive == self.negative == "identity":
            # A+ - A- = A, linear in y_adv: y_black drops out of the gradient
            score = weighted_feature_score(context.surrogate, weights)
        else:
            score = self._split_score(context, weights)
        return PreparedObjective(score, self.path.points, path_gradient=average.plain)

    def _split_score(self, context: AttackContext, weights: Tensor) -> Score:
        with torch.no_grad():
            y_black = context.surrogate.features(torch.zeros_like(context.images[:1]))
        f_p, f_n = TRANSFORMATIONS[self.positive], TRANSFORMATIONS[self.negative]

        def score(seen: Tensor, view: View) -> Tensor:
            attribution = ((context.surrogate.features(seen) - y_black) * weights).flatten(1)
            positive, negative = f_p(attribution.clamp_min(0)), f_n((-attribution).clamp_min(0))
            return -(positive.sum(1) - self.gamma * negative.sum(1))

        return score
