import pytest
import torch
from torch import Tensor

from naa_lightning.attacks import (
    DoubleAdversarialAttribution,
)
from naa_lightning.models import Classifier
from tests.attacks.objectives.written_out import (
    DRAWS,
    LABELS,
    Views,
    above,
    assert_weighs,
    below,
    gradient_of,
    prepare,
    scaled,
)


@pytest.mark.parametrize("path_step", [0.0, 0.02])
def test_danaa_walks_the_path_of_an_adversarial_image(path_step: float, tiny: Classifier, images: Tensor) -> None:
    views = Views()
    objective = DoubleAdversarialAttribution(path_points=5, path_step=path_step, noise=0.125)
    prepared = prepare(objective, tiny, images, views)
    weights = []
    for i, label in enumerate(LABELS):
        x, total = images[i : i + 1], torch.zeros(1, 16, 4, 4, dtype=torch.float64)
        for index in range(5):
            point = (x + 0.125 * DRAWS.normal("danaa/noise", index, images)[i]).requires_grad_()
            torch.testing.assert_close(views.copies[index][i : i + 1], point.detach())
            features = below(tiny, point)
            probability = above(tiny, features).softmax(1)[0, label]
            total += torch.autograd.grad(probability, features, retain_graph=True)[0]
            x = x - path_step * gradient_of(probability, point).sign()
        weights.append(scaled(total))
    assert_weighs(prepared, torch.cat(weights), tiny, images)
    assert prepared.gradient_evaluations == 5


def test_danaas_path_lowers_the_probability(tiny: Classifier, images: Tensor) -> None:
    views = Views()
    prepare(DoubleAdversarialAttribution(path_points=10, path_step=0.02, noise=0), tiny, images, views)
    probabilities = [tiny(copy).softmax(1)[range(3), LABELS] for copy in views.copies]
    assert (probabilities[-1] < probabilities[0]).all()
