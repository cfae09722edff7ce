"""Grad-CAM, on the last layer that has places."""

from collections.abc import Callable
from typing import Any, Literal

import pytest
import timm
import torch
import torchvision
from captum.attr import LayerGradCam, LayerGradientXActivation
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from naa_lightning.attribution.attention import attention
from naa_lightning.models import Classifier
from naa_lightning.models.layer import LayerError
from naa_lightning.models.small import SMALL_NETWORKS
from tests.conftest import GoldenNetwork

CLASSES = torch.tensor([1, 4])


def wrapped(network: nn.Module, input_size: tuple[int, int] | None = None) -> Classifier:
    return Classifier(network, mean=[0.5] * 3, std=[0.5] * 3, input_size=input_size).eval()


def some_images(side: int = 12, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.rand(2, 3, side, side, dtype=dtype, generator=torch.Generator().manual_seed(0))


def test_it_is_the_papers_formula(tiny: Classifier) -> None:
    images, network = some_images(), tiny.network
    assert isinstance(network, GoldenNetwork)
    inputs = tiny.preprocess(images)
    features = network.conv3(network.middle(network.conv2(torch.relu(network.conv1(inputs)))))
    features = features.detach().requires_grad_()
    logits = network.fc(torch.relu(features).mean(dim=(2, 3)))
    expected = []
    for image in range(2):
        (gradient,) = torch.autograd.grad(logits[image, CLASSES[image]], features, retain_graph=True)
        total = torch.zeros(6, 6, dtype=torch.float64)
        for channel in range(16):
            total += gradient[image, channel].mean() * features[image, channel].detach()
        expected.append(total.clamp(min=0))
    found = attention(tiny, images, CLASSES)
    torch.testing.assert_close(found, torch.stack(expected))
    assert (found > 0).any()
    assert (found == 0).any()


def test_behind_average_pooling_and_a_linear_head_it_is_the_class_activation_map() -> None:
    torch.manual_seed(0)
    body, head = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(inplace=True)), nn.Linear(8, 5)
    model = wrapped(nn.Sequential(body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)).double()
    images = some_images()
    features = body(model.preprocess(images))
    expected = torch.einsum("bc,bchw->bhw", head.weight[CLASSES], features).clamp(min=0) / 100
    torch.testing.assert_close(attention(model, images, CLASSES), expected.detach())


class RedAgainstBlue(nn.Module):
    """Class 0 by how much red there is, class 1 by how much blue."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.AvgPool2d(2)

    def forward(self, inputs: Tensor) -> Tensor:
        features: Tensor = self.blocks(inputs)
        return features[:, [0, 2]].mean(dim=(2, 3))


def test_it_is_where_the_informative_pixels_are() -> None:
    images = torch.full((2, 3, 12, 12), 0.5)
    images[:, 0, 2:4, 6:10] = 1.0  # red
    images[:, 2, 8:10, 0:2] = 1.0  # blue
    found = attention(wrapped(RedAgainstBlue()), images, torch.tensor([0, 1]))
    assert found[0].nonzero().tolist() == [[1, 3], [1, 4]]
    assert found[1].nonzero().tolist() == [[4, 0]]


@pytest.mark.parametrize("name", SMALL_NETWORKS)
def test_small_networks_are_seen_on_their_last_unit(name: str) -> None:
    torch.manual_seed(0)
    model = wrapped(SMALL_NETWORKS[name](10)).double()
    images = some_images(32)
    expected = LayerGradCam(model, model.network.get_submodule("top")).attribute(images, target=CLASSES)
    assert expected.shape == (2, 1, 4, 4)
    torch.testing.assert_close(attention(model, images, CLASSES), expected.detach().clamp(min=0)[:, 0])


NETWORKS: dict[str, tuple[Callable[[], nn.Module], str, int]] = {
    "mobilenetv2": (lambda: timm.create_model("mobilenetv2_035"), "bn2", 7),
    "inception_v3": (lambda: timm.create_model("inception_v3"), "Mixed_7c", 5),
    "squeezenet": (torchvision.models.squeezenet1_1, "classifier.2", 13),
    "densenet": (lambda: torchvision.models.DenseNet(8, (2, 2), 16), "features", 28),
    "vgg": (lambda: torchvision.models.vgg11(num_classes=5, init_weights=False), "avgpool", 7),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_published_networks_are_seen_on_their_last_layer_with_places(name: str) -> None:
    make, layer, side = NETWORKS[name]
    torch.manual_seed(0)
    model = wrapped(make(), input_size=(224, 224))
    images = some_images(40, torch.float32)
    found = attention(model, images, CLASSES)
    expected = LayerGradCam(model, model.network.get_submodule(layer)).attribute(images, target=CLASSES)
    assert found.shape == (2, side, side)
    assert (found > 0).any()
    torch.testing.assert_close(found, expected.detach().clamp(min=0)[:, 0])


class Tokens(nn.Module):
    """Four tokens behind a class token, which alone decides after it has gathered the others."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 6, 4, stride=4)
        self.gather = nn.Identity()
        self.norm = nn.Identity()
        self.head = nn.Linear(6, 5)

    def forward(self, inputs: Tensor) -> Tensor:
        patches = self.embed(inputs).flatten(2).transpose(1, 2)
        tokens = self.gather(torch.cat([torch.ones_like(patches[:, :1]), patches], dim=1))
        gathered = tokens[:, :1] + tokens[:, 1:].sum(1, keepdim=True)
        tokens = self.norm(torch.cat([gathered, tokens[:, 1:]], dim=1))
        logits: Tensor = self.head(tokens[:, 0])
        return logits


def test_tokens_count_below_where_the_class_token_gathers_them() -> None:
    torch.manual_seed(0)
    network = Tokens()
    model = wrapped(network).double()
    images = some_images(8)
    patches = network.embed(model.preprocess(images))
    expected = torch.einsum("bc,bchw->bhw", network.head.weight[CLASSES], patches).clamp(min=0)
    found = attention(model, images, CLASSES)
    torch.testing.assert_close(found, expected.detach())
    assert (found > 0).any()


@pytest.mark.parametrize(
    ("pool", "fused", "layer"),
    [("token", True, "blocks.1.attn.qkv"), ("token", False, "blocks.1.attn.qkv"), ("avg", True, "norm")],
)
def test_a_vision_transformer(pool: Literal["token", "avg"], fused: bool, layer: str) -> None:
    """Its patch embedding, and heads and weights inside its attention, have four dimensions and no places."""
    torch.manual_seed(0)
    network = VisionTransformer(
        img_size=32, patch_size=4, embed_dim=32, depth=2, num_heads=2, num_classes=5, global_pool=pool, fc_norm=False
    )
    for block in network.blocks:
        block.attn.fused_attn = fused  # type: ignore[union-attr]
    model = wrapped(network).double()
    images = some_images(32)
    products = LayerGradientXActivation(model, network.get_submodule(layer)).attribute(images, target=CLASSES)
    expected = products.detach().sum(2)[:, 1:].reshape(2, 8, 8).clamp(min=0)
    assert (expected > 0).any()
    torch.testing.assert_close(attention(model, images, CLASSES), expected)


class ChannelsLast(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 7)
        self.second = nn.Linear(7, 5)

    def forward(self, inputs: Tensor) -> Tensor:
        scores: Tensor = self.second(torch.tanh(self.first(inputs.permute(0, 2, 3, 1))))
        return scores.mean(dim=(1, 2))


def test_channels_may_come_last() -> None:
    torch.manual_seed(0)
    network = ChannelsLast()
    model = wrapped(network).double()
    images = some_images()
    features = network.first(model.preprocess(images).permute(0, 2, 3, 1))
    scores = network.second(torch.tanh(features))
    expected = torch.stack([scores[0, :, :, 1], scores[1, :, :, 4]]).clamp(min=0) / 144
    torch.testing.assert_close(attention(model, images, CLASSES), expected.detach())


class Shared(nn.Module):
    """One ReLU serves the features and, after pooling, the head."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.relu = nn.ReLU()
        self.head = nn.Linear(8, 5)

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.head(self.relu(self.relu(self.conv(inputs)).mean(dim=(2, 3))))
        return logits


def test_a_module_that_runs_again_without_places_is_passed_over() -> None:
    torch.manual_seed(0)
    network = Shared()
    model = wrapped(network).double()
    expected = LayerGradCam(model, network.conv).attribute(some_images(), target=CLASSES)
    torch.testing.assert_close(attention(model, some_images(), CLASSES), expected.detach().clamp(min=0)[:, 0])


class Mean(nn.Module):
    def forward(self, inputs: Tensor) -> Tensor:
        return inputs.mean()


class Scaled(nn.Module):
    """Multiplied by outputs of modules without a batch, one of which does not see the image."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.scale = nn.Upsample(scale_factor=2)
        self.mean = Mean()

    def forward(self, inputs: Tensor) -> Tensor:
        features = self.conv(inputs)
        scale: Tensor = self.scale(torch.full((1, 1, 5, 5), 2.0, dtype=inputs.dtype))
        logits: Tensor = (features * scale * self.mean(inputs)).mean(dim=(2, 3))
        return logits


def test_what_does_not_belong_to_the_image_is_passed_over() -> None:
    torch.manual_seed(0)
    model = wrapped(Scaled()).double()
    expected = LayerGradCam(model, model.network.get_submodule("conv")).attribute(some_images(), target=CLASSES)
    torch.testing.assert_close(attention(model, some_images(), CLASSES), expected.detach().clamp(min=0)[:, 0])


class Windows(nn.Module):
    """Its last module sees quarters of the image as images of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.quarters = nn.Tanh()

    def forward(self, inputs: Tensor) -> Tensor:
        features = self.conv(inputs)
        quarters = features.unflatten(2, (2, 5)).unflatten(4, (2, 5)).permute(0, 2, 4, 1, 3, 5).flatten(0, 2)
        logits: Tensor = self.quarters(quarters).mean(dim=(2, 3)).unflatten(0, (-1, 4)).mean(1)
        return logits


def test_what_sees_parts_of_the_image_is_passed_over() -> None:
    torch.manual_seed(0)
    model = wrapped(Windows()).double()
    expected = LayerGradCam(model, model.network.get_submodule("conv")).attribute(some_images(), target=CLASSES)
    torch.testing.assert_close(attention(model, some_images(), CLASSES), expected.detach().clamp(min=0)[:, 0])


class Opposed(nn.Module):
    """Two channels of one layer are for and against a class."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3)
        self.second = nn.Conv2d(4, 2, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        features = self.second(self.first(inputs)).mean(dim=(2, 3))
        logits: Tensor = (features[:, :1] - features[:, 1:]).expand(-1, 5)
        return logits


def test_channels_that_oppose_each_other_count() -> None:
    torch.manual_seed(0)
    model = wrapped(Opposed()).double()
    expected = LayerGradCam(model, model.network.get_submodule("second")).attribute(some_images(), target=CLASSES)
    torch.testing.assert_close(attention(model, some_images(), CLASSES), expected.detach().clamp(min=0)[:, 0])


def test_images_need_not_be_square() -> None:
    model = wrapped(SMALL_NETWORKS["residual"](10))
    # an eighth of the image, rounded up at every stride
    assert attention(model, torch.rand(2, 3, 18, 50), CLASSES).shape == (2, 3, 7)


def test_a_logit_that_depends_on_nothing_draws_no_attention() -> None:
    head = nn.Linear(4, 5)
    nn.init.zeros_(head.weight)
    model = wrapped(nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), head))
    assert torch.equal(attention(model, torch.rand(2, 3, 6, 6), CLASSES), torch.zeros(2, 4, 4))


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.Flatten(), nn.Linear(3 * 36, 5)),
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 5)),
    ],
)
def test_a_network_without_places_is_refused(network: nn.Module) -> None:
    with pytest.raises(LayerError, match="no layer that puts out features at places"):
        attention(wrapped(network), torch.rand(2, 3, 6, 6), CLASSES)


class Stumbles(nn.Module):
    """Raises when it runs for the given time."""

    def __init__(self, time: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3)
        self.left = time

    def forward(self, inputs: Tensor) -> Tensor:
        features: Tensor = self.conv(inputs)
        self.left -= 1
        if not self.left:
            raise RuntimeError("stumbled")
        return features.mean(dim=(2, 3))


def state(model: nn.Module) -> dict[str, Any]:
    return {
        "hooks": [len(module._forward_hooks) for module in model.modules()],
        "training": [module.training for module in model.modules()],
        "gradients": [(parameter.requires_grad, parameter.grad) for parameter in model.parameters()],
    }


@pytest.mark.parametrize("time", [1, 2, 3])
def test_a_model_is_left_as_it_was_also_when_it_raises(time: int) -> None:
    model = Classifier(Stumbles(time), mean=[0.5] * 3, std=[0.5] * 3, num_classes=5).train()
    model.network.get_submodule("conv").weight.requires_grad_(False)
    before = state(model)
    if time == 3:
        assert not attention(model, torch.rand(2, 3, 6, 6), CLASSES).requires_grad
    else:
        with pytest.raises(RuntimeError, match="stumbled"):
            attention(model, torch.rand(2, 3, 6, 6), CLASSES)
    assert state(model) == before


def test_it_needs_no_autograd_around_it(tiny: Classifier) -> None:
    expected = attention(tiny, some_images(), CLASSES)
    with torch.no_grad():
        assert torch.equal(attention(tiny, some_images(), CLASSES), expected)


def test_bad_input_is_refused(tiny: Classifier) -> None:
    with pytest.raises(ValueError, match=r"expected images in \[0, 1\]"):
        attention(tiny, 2 * some_images(), CLASSES)
    with pytest.raises(ValueError, match=r"expected labels of shape \(2,\)"):
        attention(tiny, some_images(), CLASSES[:1])
