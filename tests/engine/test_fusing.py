"""That fused layers give what torch's give, forwards and backwards, and are fused only where that holds."""

from collections.abc import Callable

import pytest
import timm
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from naa_lightning.engine import FusedLayers, kept_bytes

IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def frozen_network(*layers: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    for layer in layers:
        for parameter in layer.parameters():
            nn.init.normal_(parameter, std=0.3)
    return nn.Sequential(*layers).eval().requires_grad_(False).to(memory_format=torch.channels_last)


def outputs_and_gradient(network: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    point = images.detach().clone().requires_grad_()
    outputs: Tensor = network(point)
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
    network = frozen_network(convolution(), activation())
    images = 10 * IMAGES - 5  # beyond 6 too
    expected, gradient = outputs_and_gradient(network, images)
    with FusedLayers(lambda: network(images)) as layers:
        found, found_gradient = outputs_and_gradient(network, images)
    assert list(layers.clips) == [network[0].weight]
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(found_gradient, gradient)


@pytest.mark.parametrize("convolution", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_autocast_is_followed(convolution: Callable[[], nn.Conv2d]) -> None:
    network = frozen_network(nn.Conv2d(3, 3, 3), nn.ReLU(), convolution(), nn.ReLU())
    layers = FusedLayers(lambda: network(IMAGES))
    with torch.autocast("cpu", torch.bfloat16):
        for images in (IMAGES, IMAGES[:1], IMAGES.repeat(3, 1, 1, 1)):
            expected, gradient = outputs_and_gradient(network, images)
            with layers:
                passes = [outputs_and_gradient(network, images) for _ in range(3)]
            found, found_gradient = passes[0]
            assert found.dtype == torch.bfloat16
            torch.testing.assert_close(found, expected)
            torch.testing.assert_close(found_gradient, gradient, rtol=0.02, atol=0.02)
            # in the order that oneDNN multiplies by
            for later, later_gradient in passes[1:]:
                assert torch.equal(later, found)
                assert torch.equal(later_gradient, found_gradient)


def test_weights_are_put_in_order_once_for_each_number_of_images_that_passes_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ordered: list[tuple[int, ...]] = []

    def in_order(weight: Tensor, geometry: object, inputs: torch.Size) -> Tensor:
        ordered.append(tuple(inputs))
        return weight

    monkeypatch.setattr("naa_lightning.engine.fusing._in_order", in_order)
    network = frozen_network(nn.Conv2d(3, 8, 3), nn.ReLU())
    with FusedLayers(lambda: network(IMAGES)):
        for _ in range(4):
            outputs_and_gradient(network, IMAGES)
        assert ordered == []  # in float32
        with torch.autocast("cpu", torch.bfloat16):
            outputs_and_gradient(network, IMAGES[:1])
            for _ in range(4):
                outputs_and_gradient(network, IMAGES)
    assert ordered == [(2, 3, 32, 32), (2, 8, 30, 30)]  # of inputs, and of gradients of results


def test_a_processor_that_does_not_multiply_in_the_precision_is_left_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("naa_lightning.engine.fusing._is_multiplied", lambda dtype: dtype is torch.float32)
    network = frozen_network(nn.Conv2d(3, 8, 3), nn.ReLU())
    with FusedLayers(lambda: network(IMAGES)) as layers:
        assert layers.clips
        for dtype, fused in ((torch.bfloat16, False), (torch.float16, False), (torch.float32, True)):
            with torch.autocast("cpu", dtype, enabled=dtype is not torch.float32):
                made_by = network(IMAGES.clone().requires_grad_()).grad_fn
            assert (type(made_by).__name__ == "_ClippedConvolutionBackward") is fused


class Uses(nn.Module):
    """A convolution whose result is used in a way of one's own."""

    def __init__(self, use: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.use = use

    def forward(self, images: Tensor) -> Tensor:
        return self.use(self.conv(images))


@pytest.mark.parametrize(
    ("use", "fused"),
    [
        (F.relu, 1),
        (torch.relu, 1),
        (torch.relu_, 1),
        (Tensor.relu_, 1),
        (F.relu6, 1),
        (lambda x: F.hardtanh(x, max_val=2.0), 1),
        (lambda x: F.relu6(F.relu(x)), 1),
        (lambda x: F.relu(x) + x, 0),
        (lambda x: x + F.relu(x), 0),
        (lambda x: torch.cat([x, F.relu(x)]), 0),
        (lambda x: x + F.relu_(x.clone()), 0),
        (lambda x: F.relu(x) + F.relu6(x), 0),
        (lambda x: F.relu(2 * x), 0),
        (lambda x: x, 0),
        (lambda x: torch.relu(input=x), 0),
        (F.silu, 0),
        (F.leaky_relu, 0),
    ],
)
def test_only_what_one_activation_alone_uses_is_clipped(use: Callable[[Tensor], Tensor], fused: int) -> None:
    network = frozen_network(Uses(use))
    images = 20 * IMAGES - 10
    expected, gradient = outputs_and_gradient(network, images)
    with FusedLayers(lambda: network(images)) as layers:
        found, found_gradient = outputs_and_gradient(network, images)
    assert len(layers.clips) == fused
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(found_gradient, gradient)


def test_a_convolution_that_is_used_twice_differently_is_left_as_it_is() -> None:
    conv = nn.Conv2d(3, 3, 3, padding=1)
    network = frozen_network(conv, nn.ReLU(), conv, nn.SiLU())
    assert not FusedLayers(lambda: network(IMAGES)).clips
    alike = frozen_network(conv, nn.ReLU(), conv, nn.ReLU())
    assert len(FusedLayers(lambda: alike(IMAGES)).clips) == 1


def test_a_pass_that_stops_at_a_convolution_keeps_it_as_it_is() -> None:
    network = frozen_network(nn.Conv2d(3, 8, 3), nn.ReLU())
    assert not FusedLayers(lambda: (network(IMAGES), network[0](IMAGES))).clips


def test_what_could_still_change_or_is_more_precise_is_left_as_it_is() -> None:
    trained = frozen_network(nn.Conv2d(3, 8, 3), nn.ReLU()).requires_grad_()
    assert not FusedLayers(lambda: trained(IMAGES)).clips
    double = frozen_network(nn.Conv2d(3, 8, 3), nn.ReLU()).double()
    assert not FusedLayers(lambda: double(IMAGES.double())).clips


POOLS = [
    (nn.AvgPool2d(3, 1, 1), True),
    (nn.AvgPool2d((1, 5), 1, (0, 2)), True),
    (nn.AvgPool2d(3, 1, 1, count_include_pad=False), False),
    (nn.AvgPool2d(3, 1, 1, count_include_pad=False, divisor_override=4), True),
    (nn.AvgPool2d(3, 1), False),
    (nn.AvgPool2d(2, 1, 1), False),
    (nn.AvgPool2d(3, 2, 1), False),
    (nn.AvgPool2d(3, padding=1), False),
    (nn.AvgPool2d(1), True),
]


@pytest.mark.parametrize("by_name", [False, True])
@pytest.mark.parametrize(("pool", "own"), POOLS, ids=str)
def test_average_pooling_has_torchs_derivative(pool: nn.AvgPool2d, own: bool, by_name: bool) -> None:
    def pooled(images: Tensor) -> Tensor:
        options = {name: getattr(pool, name) for name in pool.__constants__ if name != "kernel_size"}
        return F.avg_pool2d(images, kernel_size=pool.kernel_size, **options) if by_name else pool(images)

    network = Uses(pooled)
    network.conv = nn.Conv2d(3, 3, 1)
    network.requires_grad_(False)
    expected, gradient = outputs_and_gradient(network, IMAGES)
    with FusedLayers(lambda: network(IMAGES)):
        found, found_gradient = outputs_and_gradient(network, IMAGES)
        made_by = pooled(IMAGES.clone().requires_grad_()).grad_fn
    assert torch.equal(found, expected)
    torch.testing.assert_close(found_gradient, gradient)
    assert (type(made_by).__name__ == "_AveragePoolingBackward") is own


def test_nothing_is_kept_twice() -> None:
    network = frozen_network(nn.Conv2d(3, 8, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3), nn.ReLU())
    plain = kept_bytes(network, IMAGES)
    with FusedLayers(lambda: network(IMAGES)):
        fused = kept_bytes(network, IMAGES)
    assert 0 < fused < plain


def test_a_second_derivative_is_refused_and_not_wrong() -> None:
    network = frozen_network(nn.Conv2d(3, 8, 3), nn.ReLU())
    point = IMAGES.clone().requires_grad_()
    with FusedLayers(lambda: network(IMAGES)):
        (gradient,) = torch.autograd.grad(network(point).square().sum(), point, create_graph=True)
        with pytest.raises(RuntimeError, match="once_differentiable"):
            gradient.sum().backward()  # type: ignore[no-untyped-call]


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "timm inception_v3": lambda: timm.create_model("inception_v3"),
    "timm resnet18": lambda: timm.create_model("resnet18"),
    "timm mobilenetv2_100": lambda: timm.create_model("mobilenetv2_100"),
    "timm densenet121": lambda: timm.create_model("densenet121"),
    "torchvision resnet18": torchvision.models.resnet18,
    "torchvision vgg11": torchvision.models.vgg11,
    "torchvision googlenet": lambda: torchvision.models.googlenet(init_weights=False, aux_logits=False),
}


@pytest.mark.parametrize("build", NETWORKS.values(), ids=NETWORKS)
def test_networks_give_what_they_gave(build: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    network = build().eval().requires_grad_(False).to(memory_format=torch.channels_last)
    images = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    expected, gradient = outputs_and_gradient(network, images)
    with FusedLayers(lambda: network(images)):
        found, found_gradient = outputs_and_gradient(network, images)
    scale, steep = expected.abs().max(), gradient.abs().max()
    torch.testing.assert_close(found / scale, expected / scale, rtol=0, atol=1e-4)
    torch.testing.assert_close(found_gradient / steep, gradient / steep, rtol=0, atol=1e-3)
