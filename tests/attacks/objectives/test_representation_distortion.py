import pytest
import torch
from torch import Tensor

from naa_lightning.attacks import (
    Attack,
    Budget,
    Momentum,
    RepresentationDistortion,
)
from naa_lightning.models import Classifier
from tests.attacks.objectives.written_out import DRAWS, LABELS, below, different, gradient_of, prepare, random_images
from tests.conftest import showing


def test_nrdm_is_the_distance_of_the_features(tiny: Classifier, images: Tensor, adversarial: Tensor) -> None:
    prepared = prepare(RepresentationDistortion(), tiny, images)
    for clean in (images, random_images(3)):  # what is seen of the clean image may change
        change = (below(tiny, adversarial) - below(tiny, clean)).flatten(1)
        torch.testing.assert_close(prepared.score(adversarial, showing(clean)), change.square().sum(1).sqrt())
    assert not prepared.score(images, showing(images)).any()
    assert prepared.gradient_evaluations == 0


@pytest.mark.parametrize("start_noise", ["0.1/255", 0.02])
def test_nrdm_starts_beside_the_image(start_noise: float | str, tiny: Classifier) -> None:
    images = random_images(0, 64, 64)
    prepared = prepare(RepresentationDistortion(start_noise=start_noise), tiny, images)
    assert prepared.start is not None
    noise = prepared.start - images
    expected = 0.1 / 255 if isinstance(start_noise, str) else start_noise
    assert float(noise.std()) == pytest.approx(expected, rel=0.03)
    assert abs(float(noise.mean())) < 4 * expected / noise.numel() ** 0.5
    assert different(noise) == 3


def test_nrdm_moves_features_although_the_image_itself_has_no_gradient(tiny: Classifier, images: Tensor) -> None:
    prepared = prepare(RepresentationDistortion(), tiny, images)
    point = images.clone().requires_grad_()
    assert not gradient_of(prepared.score(point, showing(images.clone())), point).any()
    attack = Attack(objective=RepresentationDistortion(), update=Momentum(), budget=Budget(eps=0.1, steps=1))
    assert (prepared.score(attack(tiny, images, LABELS, DRAWS), showing(images)) > 0.1).all()
