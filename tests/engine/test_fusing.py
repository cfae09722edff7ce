"""That fused layers give what torch's give, forwards and backwards, and are fused only where that holds."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import timm
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from naa_lightning.engine import Engine, fuse_activations, fusing, saved_tensor_bytes
from naa_lightning.exceptions import UserError
from naa_lightning.models import Classifier

IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))

pytestmark = pytest.mark.skipif(not fusing.can_fuse(torch.device("cpu")), reason="needs bfloat16 in oneDNN")


def classifier(*layers: nn.Module, layer: str | None = None) -> Classifier:
    torch.manual_seed(0)
    for module in layers:
        for parameter in module.parameters():
            nn.init.normal_(parameter, std=0.3)
    network = nn.Sequential(*layers, nn.Flatten()).to(memory_format=torch.channels_last)
    return Classifier(network, mean=[0.5] * 3, std=[0.1] * 3, layer=layer).eval().requires_grad_(False)


def fused(model: Classifier) -> tuple[Classifier, int]:
    """Return a fused copy and how many of its convolutions are fused."""
    twin = copy.deepcopy(model)
    return twin, fuse_activations(twin, IMAGES)


def outputs_and_gradient(model: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    point = images.detach().clone().requires_grad_()
    outputs: Tensor = model(point)
    signs = torch.linspace(-1, 1, outputs.numel()).view_as(outputs)
    return outputs.detach(), torch.autograd.grad((outputs.float() * signs).sum(), point)[0]


CONVOLUTIONS: dict[str, Callable[[], nn.Conv2d]] = {
    "plain": lambda: nn.Conv2d(3, 8, 3),
    "strided": lambda: nn.Conv2d(3, 8, 3, stride=2),
    "one way": lambda: nn.Conv2d(3, 8, (1, 7), padding=(0, 3)),
    "dilated": lambda: nn.Conv2d(3, 8, 3, dilation=2, padding=2),
    "grouped": lambda: nn.Conv2d(3, 9, 3, groups=3),
    "depthwise": lambda: nn.Conv2d(3, 3, 3, groups=3, stride=2, padding=1),
    "without bias": lambda: nn.Conv2d(3, 8, 1, bias=False),
    "padded beyond": lambda: nn.Conv2d(3, 8, 1, padding=1),
}
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "in place": lambda: nn.ReLU(inplace=True),
    "relu6": nn.ReLU6,
    "relu6 in place": lambda: nn.ReLU6(inplace=True),
}


@pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=ACTIVATIONS)
@pytest.mark.parametrize("convolution", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_a_convolution_clips_as_the_activation_behind_it(
    convolution: Callable[[], nn.Conv2d], activation: Callable[[], nn.Module]
) -> None:
    plain = classifier(nn.Conv2d(3, 3, 3), nn.ReLU(), convolution(), activation())
    model, count = fused(plain)
    assert count == 2
    with torch.autocast("cpu", torch.bfloat16):
        for images in (IMAGES, IMAGES[:1], IMAGES.repeat(3, 1, 1, 1)):
            expected, gradient = outputs_and_gradient(plain, images)
            passes = [outputs_and_gradient(model, images) for _ in range(3)]
            found, found_gradient = passes[0]
            assert found.dtype == torch.bfloat16
            torch.testing.assert_close(found, expected)
            steep = gradient.abs().max()
            torch.testing.assert_close(found_gradient / steep, gradient / steep, rtol=0, atol=0.02)
            # in the order that oneDNN multiplies by
            for later, later_gradient in passes[1:]:
                assert torch.equal(later, found)
                assert torch.equal(later_gradient, found_gradient)


def test_weights_are_put_in_order_once_for_each_shape_that_passes_again() -> None:
    model, _ = fused(classifier(nn.Conv2d(3, 8, 3), nn.ReLU()))
    layer: Any = model.network.get_submodule("0")
    for _ in range(4):
        outputs_and_gradient(model, IMAGES)
    assert layer.convolve.ordered == {}  # in float32
    with torch.autocast("cpu", torch.bfloat16):
        for images in (IMAGES[:1], *[IMAGES] * 4):
            outputs_and_gradient(model, images)
    for convolution, shape in ((layer.convolve, (3, 32, 32)), (layer.adjoint, (8, 30, 30))):
        assert {size: weight is not None for size, weight in convolution.ordered.items()} == {
            (1, *shape): False,
            (2, *shape): True,
        }


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_other_precisions_are_left_to_torch(dtype: torch.dtype) -> None:
    plain = classifier(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU6())
    model, count = fused(plain)
    assert count == 2
    with torch.autocast("cpu", dtype, enabled=dtype is not torch.float32):
        pairs = zip(outputs_and_gradient(model, IMAGES), outputs_and_gradient(plain, IMAGES), strict=True)
        assert all(torch.equal(found, expected) for found, expected in pairs)


class Uses(nn.Module):
    """A convolution whose result is used in a way of one's own."""

    def __init__(self, use: Callable[["Uses", Tensor], Tensor]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.relu, self.relu6, self.silu = nn.ReLU(), nn.ReLU6(), nn.SiLU()
        self.inplace = nn.ReLU(inplace=True)
        self.use = use

    def forward(self, images: Tensor) -> Tensor:
        return self.use(self, self.conv(images))


@pytest.mark.parametrize(
    ("use", "expected_count"),
    [
        (lambda net, x: net.relu(x), 1),
        (lambda net, x: net.inplace(x), 1),
        (lambda net, x: net.relu6(net.relu(x)), 1),
        (lambda net, x: net.relu(net.relu(x)), 0),
        (lambda net, x: net.relu(x) + x, 0),
        (lambda net, x: torch.cat([x, net.relu(x)]), 0),
        (lambda net, x: net.relu(x) + net.silu(x), 0),
        (lambda net, x: net.relu(x.add_(1)), 0),
        (lambda net, x: net.relu(2 * x), 0),
        (lambda net, x: net.relu(x) * net.conv.weight.mean(), 0),
        (lambda net, x: net.silu(x), 0),
        (lambda _, x: F.relu(x), 0),
        (lambda net, x: net.relu(net.conv(net.relu6(x))), 0),
    ],
)
def test_only_what_one_activation_alone_uses_is_clipped(
    use: Callable[[Uses, Tensor], Tensor], expected_count: int
) -> None:
    plain = classifier(Uses(use))
    model, count = fused(plain)
    assert count == expected_count
    assert isinstance(model.network.get_submodule("0.conv"), nn.Conv2d) == (count == 0)
    with torch.autocast("cpu", torch.bfloat16):
        expected, gradient = outputs_and_gradient(plain, IMAGES)
        found, found_gradient = outputs_and_gradient(model, IMAGES)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(found_gradient, gradient, rtol=0.02, atol=0.02 * float(gradient.abs().max()))


@pytest.mark.parametrize(("layer", "count"), [("1", 2), ("0", 1), ("2.0", 1), ("2", 0), ([], 2)])
def test_attacked_layers_keep_their_output(layer: str, count: int) -> None:
    """An attacked part that ends in a convolution is no place to clip, and then nothing is."""
    plain = classifier(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Sequential(nn.Conv2d(8, 8, 3)), nn.ReLU(inplace=True), layer=layer
    )
    model, found = fused(plain)
    assert found == count
    for view, expected in zip(model.layer_views(), plain.layer_views(), strict=True) if layer else ():
        assert torch.equal(view.features(IMAGES), expected.features(IMAGES))


def test_what_is_more_precise_is_left_as_it_is() -> None:
    double = classifier(nn.Conv2d(3, 8, 3), nn.ReLU()).double()
    assert fuse_activations(double, IMAGES.double()) == 0


def test_less_is_saved() -> None:
    plain = classifier(nn.Conv2d(3, 8, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3), nn.ReLU())
    model, _ = fused(plain)
    with torch.autocast("cpu", torch.bfloat16):
        assert 0 < saved_tensor_bytes(model, IMAGES) < saved_tensor_bytes(plain, IMAGES)


def test_a_second_derivative_is_refused_and_not_wrong() -> None:
    model, _ = fused(classifier(nn.Conv2d(3, 8, 3), nn.ReLU()))
    point = IMAGES.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        (gradient,) = torch.autograd.grad(model(point).float().square().sum(), point, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()  # type: ignore[no-untyped-call]


NETWORKS: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "timm inception_v3": (lambda: timm.create_model("inception_v3"), 94),
    "timm resnet18": (lambda: timm.create_model("resnet18"), 9),
    "timm mobilenetv2_100": (lambda: timm.create_model("mobilenetv2_100"), 35),
    "torchvision vgg11": (torchvision.models.vgg11, 8),
    "torchvision resnet18": (torchvision.models.resnet18, 1),  # the others share their activations
}


@pytest.mark.parametrize(("build", "count"), NETWORKS.values(), ids=NETWORKS)
def test_networks_give_what_they_gave(build: Callable[[], nn.Module], count: int) -> None:
    torch.manual_seed(0)
    plain = Classifier(build(), mean=[0.5] * 3, std=[0.5] * 3).eval().requires_grad_(False)
    images = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        Engine().optimise(plain, images)
    model = copy.deepcopy(plain)
    assert fuse_activations(model, images) == count
    with torch.autocast("cpu", torch.bfloat16):
        expected, gradient = outputs_and_gradient(plain, images)
        found, found_gradient = outputs_and_gradient(model, images)
    scale, steep = expected.abs().max(), gradient.abs().max()
    torch.testing.assert_close(found / scale, expected / scale, rtol=0, atol=0.02)
    torch.testing.assert_close(found_gradient / steep, gradient / steep, rtol=0, atol=0.05)


def test_fusing_is_refused_where_it_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("naa_lightning.engine.engine.can_fuse", lambda _: False)
    model = classifier(nn.Conv2d(3, 8, 3), nn.ReLU())
    with pytest.raises(UserError, match=r"^`fuse=true` needs a CPU on which oneDNN multiplies bfloat16"):
        Engine(fuse=True).optimise(model, IMAGES)
    Engine().optimise(model, IMAGES)
    assert not fusing.can_fuse(torch.device("cuda"))
