import math
from collections.abc import Callable
from itertools import product

import pytest
import torch
from torch import Tensor

from naa_lightning.attacks import (
    NeuronAttribution,
)
from naa_lightning.attacks.objectives.neuron_attribution import TRANSFORMATIONS
from naa_lightning.models import Classifier
from tests.attacks.objectives.written_out import (
    below,
    gradient_of,
    prepare,
    random_images,
    scaled,
)
from tests.conftest import showing

FORMULAS: dict[str, Callable[[float], float]] = {
    "identity": lambda a: a,
    "log": lambda a: math.log(1 + a),
    "exponential": lambda a: math.exp(a) - 1,
    "tanh": math.tanh,
    "square": lambda a: a * a,
}


def test_transformations_of_attributions_are_their_formulas() -> None:
    values = [0.0, 1e-3, 0.5, 1.0, 3.0]
    assert set(TRANSFORMATIONS) == set(FORMULAS)
    for name, formula in FORMULAS.items():
        transformed = TRANSFORMATIONS[name](torch.tensor(values, dtype=torch.float64)).tolist()
        assert transformed == pytest.approx([formula(value) for value in values])


@pytest.mark.parametrize("gamma", [0.5, 1.0])
@pytest.mark.parametrize(("positive", "negative"), list(product(FORMULAS, FORMULAS)))
def test_naa_transforms_positive_and_negative_attributions(
    positive: str, negative: str, gamma: float, tiny: Classifier, images: Tensor, adversarial: Tensor
) -> None:
    """Neuron by neuron; where the score is a sum of attributions alone, that of black is left out of it."""
    objective = NeuronAttribution(path_points=3, gamma=gamma, positive=positive, negative=negative)
    prepared = prepare(objective, tiny, images)
    assert prepared.path_gradient is not None
    weights = scaled(prepared.path_gradient)
    black = below(tiny, torch.zeros_like(images))
    attributions = ((below(tiny, adversarial) - black) * weights).flatten(1).tolist()
    expected = torch.tensor(
        [
            -(
                sum(FORMULAS[positive](a) for a in image if a > 0)
                - gamma * sum(FORMULAS[negative](-a) for a in image if a < 0)
            )
            for image in attributions
        ],
        dtype=torch.float64,
    )
    linear = gamma == 1 and positive == negative == "identity"
    constant = (black * weights).sum((1, 2, 3)) if linear else 0
    torch.testing.assert_close(prepared.score(adversarial, showing(images)), expected - constant)


def test_naas_linear_score_has_the_gradient_of_the_full_one(tiny: Classifier, images: Tensor) -> None:
    """Rounding aside, gamma just beside 1 is gamma 1."""
    linear, full = (prepare(NeuronAttribution(path_points=3, gamma=gamma), tiny, images) for gamma in (1, 1 + 1e-12))
    point = random_images(2).requires_grad_()
    torch.testing.assert_close(
        gradient_of(linear.score(point, showing(images)), point), gradient_of(full.score(point, showing(images)), point)
    )
