"""Merged batch normalisations against the networks as they were."""

import copy
from collections.abc import Callable

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

from naa_lightning.engine import fold_batch_norms
from naa_lightning.models import Classifier, frozen

SIDE = 64


def images(count: int = 2) -> Tensor:
    return torch.rand(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


def lived(network: nn.Module) -> nn.Module:
    """Give normalisations statistics and weights that a fresh network lacks."""
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            for tensor, low, high in (
                (module.running_mean, -0.2, 0.2),
                (module.running_var, 0.5, 2.0),
                (module.weight, 0.5, 1.5),
                (module.bias, -0.2, 0.2),
            ):
                if tensor is not None:
                    tensor.data.uniform_(low, high, generator=generator)
    return network.eval()


def classifier(network: nn.Module, layer: str | list[str]) -> Classifier:
    return Classifier(network, mean=[0.5] * 3, std=[0.25] * 3, layer=layer).eval()


def norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) for module in network.modules())


def image_gradient(model: Classifier) -> Tensor:
    point = images().requires_grad_()
    score = F.cross_entropy(model(point), torch.tensor([0, 1])) + model.layer_views()[0].features(point).square().mean()
    return torch.autograd.grad(score, point)[0]


@pytest.mark.parametrize(
    ("make", "layer", "left"),
    [
        (lambda: timm.create_model("resnet18"), "layer2", 0),
        (lambda: timm.create_model("mobilenetv2_035"), "blocks.2", 0),
        (lambda: timm.create_model("efficientnet_lite0"), "blocks.2", 0),
        (torchvision.models.resnet18, "layer2.0", 0),
        (torchvision.models.mobilenet_v3_small, "features.3", 0),
        (torchvision.models.shufflenet_v2_x0_5, "stage2", 0),
        # half of its normalisations stand before their convolutions
        (lambda: torchvision.models.DenseNet(8, (2, 2), 16), "features.denseblock1", 6),
        (lambda: timm.create_model("vit_tiny_patch16_224", img_size=SIDE), "blocks.3", 0),
    ],
    ids=["resnet", "mobilenet", "efficientnet", "tv_resnet", "tv_mobilenet", "tv_shufflenet", "densenet", "vit"],
)
def test_networks_of_the_libraries_give_what_they_gave(make: Callable[[], nn.Module], layer: str, left: int) -> None:
    torch.manual_seed(0)
    network = lived(make())
    model = classifier(network, layer)
    separate = copy.deepcopy(model)
    before = norms(network)
    assert fold_batch_norms(model, images(1)) == before - left
    assert norms(network) == left
    with torch.no_grad():
        torch.testing.assert_close(model(images()), separate(images()), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(model.features(images()), separate.features(images()), rtol=1e-3, atol=1e-4)
    expected = image_gradient(separate)
    assert (image_gradient(model) - expected).abs().max() <= 1e-3 * expected.abs().max()


class Paired(nn.Module):
    """Convolutions and normalisations that are joined in a way of the test's."""

    def __init__(self, forward: Callable[["Paired", Tensor], Tensor]) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.conv2, self.norm2 = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.run = forward

    def forward(self, inputs: Tensor) -> Tensor:
        return self.run(self, inputs).mean(dim=(2, 3))


def both(net: Paired, inputs: Tensor) -> Tensor:
    outputs: Tensor = net.norm2(net.conv2(net.norm1(net.conv1(inputs)).relu_()))
    return outputs


def used_twice(net: Paired, inputs: Tensor) -> Tensor:
    between: Tensor = net.conv1(inputs)
    outputs: Tensor = net.norm1(between) + between
    return outputs


def shared_norm(net: Paired, inputs: Tensor) -> Tensor:
    outputs: Tensor = net.norm1(net.conv2(net.norm1(net.conv1(inputs))))
    return outputs


def shared_conv(net: Paired, inputs: Tensor) -> Tensor:
    once = net.norm1(net.conv1(inputs))
    outputs: Tensor = net.norm2(net.conv2(once)) + net.norm1(net.conv2(once))
    return outputs


def looked_at(net: Paired, inputs: Tensor) -> Tensor:
    outputs: Tensor = net.norm1(net.conv1(inputs)) * net.norm1.weight.mean()
    return outputs


def in_between(net: Paired, inputs: Tensor) -> Tensor:
    outputs: Tensor = net.norm1(2 * net.conv1(inputs))
    return outputs


@pytest.mark.parametrize(
    ("forward", "folded"),
    [(both, 2), (used_twice, 0), (shared_norm, 2), (shared_conv, 0), (looked_at, 0), (in_between, 0)],
)
def test_only_what_belongs_together_is_merged(forward: Callable[[Paired, Tensor], Tensor], folded: int) -> None:
    torch.manual_seed(0)
    network = lived(Paired(forward))
    state = copy.deepcopy(network.state_dict())
    model = classifier(network, [])
    with torch.no_grad():
        expected = model(images())
        assert fold_batch_norms(model, images(1)) == folded
        torch.testing.assert_close(model(images()), expected, rtol=1e-4, atol=1e-5)
    if not folded:
        assert network.state_dict().keys() == state.keys()
        assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())


class Standardised(nn.Conv2d):
    """A convolution that makes its own weights."""

    def forward(self, inputs: Tensor) -> Tensor:
        weight = (self.weight - self.weight.mean((1, 2, 3), keepdim=True)) / self.weight.std((1, 2, 3), keepdim=True)
        outputs: Tensor = self._conv_forward(inputs, weight, self.bias)
        return outputs


def test_a_convolution_that_makes_its_own_weights_is_left_alone() -> None:
    network = lived(nn.Sequential(Standardised(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    weight = network[0].weight  # type: ignore[index]
    assert fold_batch_norms(classifier(network, "1"), images(1)) == 0
    assert network[0].weight is weight  # type: ignore[index]


@pytest.mark.parametrize(("layer", "folded"), [("conv1", 1), ("norm1", 2), ("conv2", 1), (["conv1", "conv2"], 0)])
def test_attacked_layers_keep_their_output(layer: str | list[str], folded: int) -> None:
    model = classifier(lived(Paired(both)), layer)
    with torch.no_grad():
        expected = [view.features(images()) for view in model.layer_views()]
        assert fold_batch_norms(model, images(1)) == folded
        for view, features in zip(model.layer_views(), expected, strict=True):
            torch.testing.assert_close(view.features(images()), features, rtol=1e-4, atol=1e-5)


def test_an_attacked_part_that_ends_between_the_two_keeps_its_output() -> None:
    network = nn.Sequential(nn.Sequential(nn.Conv2d(3, 4, 3)), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model = classifier(lived(network), "0")
    with torch.no_grad():
        expected = model.features(images())
        assert fold_batch_norms(model, images(1)) == 0
        assert torch.equal(model.features(images()), expected)


def test_an_attacked_activation_within_a_normalisation_is_still_there() -> None:
    model = classifier(lived(timm.create_model("mobilenetv2_035")), "blocks.2.0.bn1.act")
    with torch.no_grad():
        expected = model.features(images())
        assert fold_batch_norms(model, images(1)) == norms(timm.create_model("mobilenetv2_035")) - 1
        torch.testing.assert_close(model.features(images()), expected, rtol=1e-4, atol=1e-5)


class Forgetful(nn.BatchNorm2d):
    """Runs out of memory once, at its second pass."""

    passes = 0

    def forward(self, inputs: Tensor) -> Tensor:
        self.passes += 1
        if self.passes == 2:
            raise torch.OutOfMemoryError
        return super().forward(inputs)


def test_folding_that_fails_on_its_way_leaves_the_network_as_it_was() -> None:
    network = lived(Paired(both))
    network.norm2 = Forgetful(4).eval()
    model = classifier(network, [])
    twin = copy.deepcopy(model)
    with torch.no_grad():
        with pytest.raises(torch.OutOfMemoryError):
            fold_batch_norms(model, images(1))
        assert norms(network) == 2
        assert all(torch.equal(value, twin.state_dict()[name]) for name, value in model.state_dict().items())


def test_a_layer_that_cannot_be_attacked_is_no_reason_not_to_merge() -> None:
    """Attacks on logits do not look at it."""
    network = lived(Paired(both))
    network.unused = nn.ReLU()
    assert fold_batch_norms(classifier(network, "unused"), images(1)) == 2


def test_merged_weights_are_frozen_and_thawed_like_others() -> None:
    model = classifier(lived(Paired(both)), "norm1")
    with frozen(model):
        fold_batch_norms(model, images(1))
        assert not any(parameter.requires_grad for parameter in model.parameters())
