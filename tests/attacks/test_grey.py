"""Perturbations of networks that take one channel are grey."""

import pytest
import torch
from torch import Tensor, nn

from naa_lightning.attacks import Attack, Budget
from naa_lightning.models import Classifier, Ensemble
from naa_lightning.rng import SeededDraws
from tests.attacks.test_every_attack import POOL, attacks, classes, compose, random_images
from tests.conftest import GoldenNetwork

# Their surrogates' images differ from what the network alone would be shown channel by channel.
DRAWING = ["ssa", "admix", "sia", "vmim", "dim", "bsr"]


def grey_network() -> Classifier:
    """The golden values' network behind a convolution from one channel."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 3, 1), GoldenNetwork()).double()
    return Classifier(network, mean=[0.3], std=[0.4], layer="1.middle").double()


def coloured_network() -> Classifier:
    torch.manual_seed(1)
    return Classifier(GoldenNetwork().double(), mean=[0.5] * 3, std=[0.5] * 3, layer="middle").double()


def grey_images(count: int = 3) -> Tensor:
    """Of 8 bits, as files of mode L are read."""
    return (random_images(count)[:, :1] * 255).round().div(255).repeat(1, 3, 1, 1)


def craft(attack: Attack, surrogate: nn.Module, images: Tensor) -> Tensor:
    ids = list(range(len(images)))
    return attack(surrogate, images, classes(ids), SeededDraws(0, ids, POOL))


def spread(values: Tensor) -> float:
    """How far the channels of (B, 3, H, W) are from each other."""
    return float((values.amax(1) - values.amin(1)).max())


@attacks
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_every_attack_changes_a_grey_image_to_a_grey_image(name: str, norm: str) -> None:
    if norm not in compose(name).update.norms:
        pytest.skip("this update is for linf alone")
    attack = compose(name, 0.1 if norm == "linf" else 1.0, norm)
    images = grey_images()
    adversarial = craft(attack, grey_network(), images)
    assert (adversarial - images).abs().amax((1, 2, 3)).min() > 1e-3
    assert spread(adversarial) < 1e-12
    assert spread(attack.budget.quantise(adversarial, images).double()) == 0


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_start_that_is_drawn_is_grey(norm: str) -> None:
    attack = compose("mim", 0.1, norm)
    attack.budget = Budget(norm=norm, eps=0.1, steps=1, step_size=1e-9, random_start=0.1)
    adversarial = craft(attack, grey_network(), grey_images())
    assert (adversarial - grey_images()).abs().amax((1, 2, 3)).min() > 1e-3
    assert spread(adversarial) < 1e-12


@pytest.mark.parametrize("name", DRAWING)
def test_the_perturbation_of_a_coloured_image_is_grey(name: str) -> None:
    """Where nothing is cut off at black or white."""
    images = 0.3 + 0.4 * random_images(3)
    adversarial = craft(compose(name, 0.1), grey_network(), images)
    assert spread(adversarial - images) < 1e-12
    assert spread(adversarial) > 0.1


@pytest.mark.parametrize("name", ["mim", "naa", "ssa"])
def test_one_network_that_sees_colours_makes_the_perturbation_coloured_again(name: str) -> None:
    members = [grey_network(), coloured_network()]
    images = grey_images()
    assert spread(craft(compose(name), Ensemble(members), images)) > 1e-3
    assert spread(craft(compose(name), Ensemble([members[0], grey_network()]), images)) < 1e-12


def test_rounding_to_the_levels_of_files_keeps_grey_what_is_grey() -> None:
    budget = Budget(norm="l2", eps=0.1)
    images = grey_images(64)
    changes = random_images(64, seed=1)[:, :1].expand_as(images) - 0.5
    rounded = budget.quantise(budget.project(images + changes, images), images).double()
    assert spread(rounded) == 0
    length = (rounded - 255 * images).square().sum((1, 2, 3)).sqrt()
    assert length.max() <= 25.5
    assert length.min() > 20


def test_an_attack_on_a_grey_network_is_the_plain_one_on_its_single_channel() -> None:
    """Steps by the sign, on images of one channel, by hand."""
    attack, surrogate, images = compose("ifgsm", 0.1), grey_network(), grey_images()
    single = images[:, :1]
    point = single.clone()
    for _ in range(attack.budget.steps):
        point.requires_grad_()
        loss = nn.functional.cross_entropy(surrogate.network((point - 0.3) / 0.4), classes([0, 1, 2]), reduction="sum")
        step = attack.budget.step_size * torch.autograd.grad(loss, point)[0].sign()
        point = (point.detach() + step).clamp(single - 0.1, single + 0.1).clamp(0, 1)
    torch.testing.assert_close(craft(attack, surrogate, images), point.expand_as(images))
