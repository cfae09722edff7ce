"""Layers before an activation are found, and the one behind it that is nearest."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from naa_lightning.attacks import CrossEntropy, FeatureDisruption, NeuronAttribution
from naa_lightning.attacks.layer_notice import layer_notice
from naa_lightning.models import Classifier
from naa_lightning.models.signed_layer import signed_layers


class Residual(nn.Module):
    """Puts out the sum of what it gets and of a branch that ends before an activation."""

    def __init__(self) -> None:
        super().__init__()
        self.expand = nn.Conv2d(8, 16, 1)
        self.act = nn.ReLU(inplace=True)
        self.project = nn.Conv2d(16, 8, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = inputs + self.project(self.act(self.expand(inputs)))
        return outputs


def classifier(activation: Callable[[], nn.Module], layer: str | list[str]) -> Classifier:
    torch.manual_seed(0)
    parts = {
        "stem": nn.Conv2d(3, 8, 3),
        "norm": nn.BatchNorm2d(8),
        "act": activation(),
        "block": Residual(),
        "next": nn.Conv2d(8, 8, 1),
        "last": activation(),
        "pool": nn.AdaptiveAvgPool2d(1),
        "flat": nn.Flatten(),
        "fc": nn.Linear(8, 4),
    }
    network = nn.Sequential()
    for name, part in parts.items():
        network.add_module(name, part)
    with torch.no_grad():  # as large as what goes round the branch
        parts["block"].project.weight.mul_(20)  # type: ignore[operator,union-attr]
    return Classifier(network, mean=[0.5] * 3, std=[0.5] * 3, layer=layer)


IMAGES = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        ("stem", {"stem": "act"}),
        ("block", {"block": "last"}),
        ("act", {}),
        ("last", {}),
        ("block.act", {}),
        (["stem", "last", "next"], {"stem": "act", "next": "last"}),
    ],
)
def test_the_nearest_layer_behind_an_activation_is_named(layer: str | list[str], expected: dict[str, str]) -> None:
    assert signed_layers(classifier(nn.ReLU, layer), IMAGES) == expected


@pytest.mark.parametrize("activation", [nn.ReLU, nn.ReLU6, nn.Softplus, nn.Sigmoid, nn.LeakyReLU, nn.GELU])
def test_activations_that_let_a_little_through_are_activations(activation: Callable[[], nn.Module]) -> None:
    assert signed_layers(classifier(activation, "last"), IMAGES) == {}


def test_a_network_without_such_a_layer() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 3), nn.Flatten(), nn.Linear(64, 4))
    assert signed_layers(Classifier(network, mean=[0.5] * 3, std=[0.5] * 3, layer="0"), IMAGES) == {"0": None}


def test_nothing_is_left_on_the_network() -> None:
    model = classifier(nn.ReLU, "stem").train()
    signed_layers(model, IMAGES)
    assert model.training
    assert all(not module._forward_hooks for module in model.modules())


def test_what_an_attack_says_of_its_layer() -> None:
    model = classifier(nn.ReLU, "block")
    said = layer_notice(FeatureDisruption(), model, IMAGES)
    assert said is not None
    assert "block (behind one: last)" in said
    assert layer_notice(FeatureDisruption(), classifier(nn.ReLU, "last"), IMAGES) is None
    assert layer_notice(NeuronAttribution(), model, IMAGES) is None
    assert layer_notice(CrossEntropy(), model, IMAGES) is None
