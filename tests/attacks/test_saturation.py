"""A saturated softmax is found where floating point loses the gradient, by closed form."""

import math

import pytest
import torch
from torch import Tensor, nn

from naa_lightning.attacks import Attack, Budget, CrossEntropy, Momentum
from naa_lightning.attacks.saturation import saturation_of
from naa_lightning.models import Classifier


class Leading(nn.Module):
    """Gives class 0 a lead of `scale` times the mean of an image over class 1."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, images: Tensor) -> Tensor:
        half = self.scale / 2 * images.mean((1, 2, 3))
        return torch.stack([half, -half], 1)


def classifier(scale: float) -> Classifier:
    return Classifier(Leading(scale), mean=[0.0] * 3, std=[1.0] * 3)


WHITE = [torch.ones(3, 4, 4)] * 2


@pytest.mark.parametrize(
    ("lead", "certain", "zero"),
    [
        (5.0, 0, 0),
        (15.0, 0, 0),
        (18.0, 2, 0),  # 1 - e^-18 rounds to 1 in float32, e^-18 does not to 0
        (120.0, 2, 2),  # e^-120 does
    ],
)
def test_leads_are_told_from_where_they_vanish(lead: float, certain: int, zero: int) -> None:
    found = saturation_of(classifier(lead), WHITE, [0, 0])
    assert (found.images, found.certain, found.zero, found.non_finite) == (2, certain, zero, 0)
    assert found.lead == pytest.approx(lead)
    assert found.temperature == pytest.approx(max(1.0, lead / 10), rel=0.06)
    assert bool(str(found)) == bool(certain) == found.is_saturated
    assert not str(saturation_of(classifier(lead).tempered(found.temperature), WHITE, [0, 0]))


def test_gradients_that_are_no_numbers_are_told() -> None:
    found = saturation_of(classifier(math.inf), WHITE, [0, 0])
    assert not found.is_saturated
    assert str(found) == "the gradient of its cross-entropy is not finite for 2 of 2 images"


def test_an_attack_counts_the_gradients_that_vanished_of_each_image() -> None:
    """Of a black image the lead is 0, of a white one 200."""
    attack = Attack(objective=CrossEntropy(), update=Momentum(), budget=Budget(eps="8/255", steps=3))
    images = torch.stack([torch.zeros(3, 4, 4), torch.ones(3, 4, 4)])
    crafted = attack.craft(classifier(200.0), images, torch.tensor([1, 0]))
    assert crafted.zero_gradients.tolist() == [0, 3]
    assert crafted.non_finite_gradients.tolist() == [0, 0]
    assert torch.equal(crafted.images[1], images[1])
    assert not torch.equal(crafted.images[0], images[0])
    nothing = attack.craft(classifier(math.nan), images, torch.tensor([1, 0]))
    assert nothing.non_finite_gradients.tolist() == [3, 3]


@pytest.mark.parametrize("temperature", [0, -1, math.inf, math.nan, "cold"])
def test_no_temperature(temperature: float | str) -> None:
    parts = {"objective": CrossEntropy(), "update": Momentum(), "budget": Budget()}
    with pytest.raises(ValueError, match="temperature must be"):
        Attack(**parts, temperature=temperature)  # type: ignore[arg-type]
