import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from naa_lightning.attacks import (
    BlackBoxFeature,
)
from naa_lightning.models import Classifier
from tests.attacks.objectives.written_out import LABELS, above, assert_weighs, below, gradient_of, prepare, scaled


@pytest.mark.parametrize("reach", [0.5, 28.0])
def test_bfa_fits_images_against_the_true_class(reach: float, tiny: Classifier, images: Tensor) -> None:
    prepared = prepare(BlackBoxFeature(fits=4, reach=reach), tiny, images)
    weights = []
    for image, label in zip(images, LABELS, strict=True):
        fitted, total = image[None], torch.zeros(1, 16, 4, 4, dtype=torch.float64)
        for _ in range(4):
            point = fitted.detach().requires_grad_()
            gradient = gradient_of(F.cross_entropy(above(tiny, below(tiny, point)), label[None]), point)
            fitted = image[None] + reach * gradient / gradient.norm()
            features = below(tiny, fitted).detach().requires_grad_()
            total += gradient_of(above(tiny, features)[0, label], features)
        weights.append(scaled(total))
    assert_weighs(prepared, torch.cat(weights), tiny, images)
    assert prepared.gradient_evaluations == 8
