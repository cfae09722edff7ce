import hashlib
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from naa_lightning.models import Classifier
from naa_lightning.models.small import SMALL_NETWORKS

DIGITS = ["plain", "residual", "inception"]
CIFAR = ["cifar_resnet", "cifar_vgg", "cifar_inception", "cifar_densenet", "cifar_mobilenet"]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


def lively(name: str) -> nn.Module:
    """A network in evaluation mode and double precision whose normalisations do something."""
    network = SMALL_NETWORKS[name](10).double()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(std=0.2)
            module.running_var.uniform_(0.5, 1.5)
    return network.eval()


def numbers(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def convolutions(network: nn.Module) -> list[nn.Conv2d]:
    return [module for module in network.modules() if isinstance(module, nn.Conv2d)]


def digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]


def test_the_names_are_those_of_the_configuration() -> None:
    assert list(SMALL_NETWORKS) == DIGITS + CIFAR


@pytest.mark.parametrize("name", CIFAR)
def test_networks_for_photographs_are_small(name: str) -> None:
    assert sum(parameter.numel() for parameter in SMALL_NETWORKS[name](10).parameters()) < 2_000_000


@pytest.mark.parametrize("name", SMALL_NETWORKS)
@pytest.mark.parametrize("num_classes", [2, 100])
def test_a_logit_for_each_class(name: str, num_classes: int) -> None:
    network = SMALL_NETWORKS[name](num_classes).eval()
    assert network(torch.rand(3, 3, 32, 32)).shape == (3, num_classes)
    assert [child for child, _ in network.named_children()] == ["stem", "middle", "top", "head"]


@pytest.mark.parametrize("name", SMALL_NETWORKS)
def test_an_images_logits_do_not_depend_on_its_neighbours(name: str) -> None:
    network = lively(name)
    images = numbers(3, 3, 32, 32)
    others = torch.cat([5 * numbers(1, 3, 32, 32), images[1:2], -images[:1]])
    torch.testing.assert_close(network(others)[1], network(images)[1], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("name", "channels", "side"),
    [
        ("cifar_resnet", 128, 16),
        ("cifar_vgg", 128, 16),
        ("cifar_inception", 152, 16),
        ("cifar_densenet", 232, 8),
        ("cifar_mobilenet", 96, 8),
    ],
)
def test_the_middle_can_be_attacked(name: str, channels: int, side: int) -> None:
    model = Classifier(lively(name), mean=[0.5] * 3, std=[0.25] * 3, layer="middle")
    images = torch.rand(2, 3, 32, 32, dtype=torch.float64)
    features, logits = model.features_and_logits(images)
    assert features.shape == (2, channels, side, side)
    torch.testing.assert_close(logits, model(images))
    torch.testing.assert_close(model.features(images), features)
    expected = torch.autograd.grad(logits[:, 3].sum(), features)[0]
    assert expected.flatten(1).any(dim=1).all()
    torch.testing.assert_close(model.layer_gradient(images, lambda found: found[:, 3]), expected)


@pytest.mark.parametrize("name", SMALL_NETWORKS)
def test_the_top_sees_an_eighth_of_the_images_size(name: str) -> None:
    model = Classifier(SMALL_NETWORKS[name](10).eval(), mean=[0.5] * 3, std=[0.25] * 3, layer="top")
    assert model.features(torch.rand(1, 3, 32, 32)).shape[2:] == (4, 4)


@pytest.mark.parametrize("name", CIFAR)
def test_every_parameter_is_trained(name: str) -> None:
    network = lively(name).train()
    loss = F.cross_entropy(network(numbers(4, 3, 32, 32)), torch.arange(4))
    for gradient in torch.autograd.grad(loss, list(network.parameters())):
        assert gradient.any()


@pytest.mark.parametrize("name", CIFAR)
def test_random_images_are_learned_by_heart(name: str) -> None:
    images = torch.randn(64, 3, 8, 8).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(10, (64,))
    network = SMALL_NETWORKS[name](10).to(memory_format=torch.channels_last)
    steps = 24
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=steps)
    for _ in range(steps):
        torch.autograd.backward(F.cross_entropy(network(images), labels))
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
    assert torch.equal(network(images).argmax(dim=1), labels)


def test_a_residual_unit_adds_a_branch_to_its_shortcut() -> None:
    network = lively("cifar_resnet")
    inputs = numbers(2, 64, 8, 8)
    state = network.get_submodule("middle.0").state_dict()
    branch = F.relu(convolved(inputs, state, "body.0.0", "body.0.1"))
    branch = convolved(branch, state, "body.1", "body.2")
    assert len(state) == 12  # two convolutions and two normalisations: nothing on the shortcut
    torch.testing.assert_close(network.get_submodule("middle.0")(inputs), F.relu(inputs + branch))


def convolved(inputs: Tensor, state: dict[str, Tensor], convolution: str, norm: str) -> Tensor:
    """A convolution without bias and a normalisation by the running statistics, out of a state dict."""
    kernel = state[f"{convolution}.weight"]
    places = F.conv2d(inputs, kernel, padding=kernel.shape[-1] // 2)
    mean, variance, weight, bias = (
        state[f"{norm}.{part}"].view(-1, 1, 1) for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (places - mean) / (variance + 1e-5).sqrt() * weight + bias


@pytest.mark.parametrize(
    ("name", "unit", "channels"),
    [
        ("cifar_resnet", "middle.0", 64),
        ("cifar_resnet", "top.4", 256),
        ("cifar_mobilenet", "middle.0", 48),
        ("cifar_mobilenet", "middle.3", 96),
        ("cifar_mobilenet", "top.0", 96),
        ("cifar_mobilenet", "top.3", 160),
    ],
)
def test_units_with_a_branch_start_as_the_identity(name: str, unit: str, channels: int) -> None:
    inputs = torch.rand(2, channels, 8, 8)
    module = SMALL_NETWORKS[name](10).get_submodule(unit)
    assert torch.equal(module(inputs), inputs)
    nn.init.ones_([norm for norm in module.modules() if isinstance(norm, nn.BatchNorm2d)][-1].weight)
    assert not torch.allclose(module(inputs), inputs, atol=0.1)


def test_a_vgg_is_one_chain_of_3_x_3_convolutions() -> None:
    network = lively("cifar_vgg")
    assert [convolution.kernel_size for convolution in convolutions(network)] == [(3, 3)] * 7
    images = numbers(2, 3, 32, 32)
    chained = images
    for module in network.modules():
        if not list(module.children()):
            chained = module(chained)
    torch.testing.assert_close(chained, network(images))


@pytest.mark.parametrize(
    ("block", "inputs", "widths"),
    [
        ("middle.0", 64, [24, 48, 24, 16]),
        ("middle.1", 112, [32, 64, 32, 24]),
        ("top.1", 152, [48, 96, 48, 32]),
        ("top.2", 224, [64, 128, 64, 32]),
        ("top.4", 288, [96, 160, 64, 64]),
    ],
)
def test_an_inception_block_sees_1_3_5_and_3_pixels_across(block: str, inputs: int, widths: list[int]) -> None:
    images = numbers(1, inputs, 9, 9).requires_grad_()
    outputs = lively("cifar_inception").get_submodule(block)(images)
    assert outputs.shape == (1, sum(widths), 9, 9)
    for branch, width in zip(outputs.split(widths, dim=1), (1, 3, 5, 3), strict=True):
        gradient = torch.autograd.grad(branch[:, :, 4, 4].sum(), images, retain_graph=True)[0]
        seen = gradient.any(dim=1)[0].nonzero()
        first, last = (9 - width) // 2, (9 + width) // 2 - 1
        assert (seen.amin(dim=0).tolist(), seen.amax(dim=0).tolist()) == ([first] * 2, [last] * 2)


@pytest.mark.parametrize(("block", "inputs", "layers"), [("middle.0", 64, 4), ("middle.2", 112, 6), ("top.1", 116, 6)])
def test_a_dense_block_keeps_what_it_is_given_and_adds_20_channels_a_layer(
    block: str, inputs: int, layers: int
) -> None:
    children = list(lively("cifar_densenet").get_submodule(block).children())
    assert len(children) == layers
    features = numbers(2, inputs, 6, 6)
    for layer in children:
        grown = layer(features)
        assert grown.shape == (2, features.shape[1] + 20, 6, 6)
        assert torch.equal(grown[:, : features.shape[1]], features)
        assert grown[:, features.shape[1] :].std() > 0.01
        features = grown


def test_a_mobilenet_mixes_channels_only_at_single_places() -> None:
    first, *others = convolutions(SMALL_NETWORKS["cifar_mobilenet"](10))
    assert (first.groups, first.kernel_size) == (1, (3, 3))
    depthwise = [convolution for convolution in others if convolution.kernel_size == (3, 3)]
    assert [convolution.weight.shape[1] for convolution in depthwise] == [1] * 7
    assert {convolution.kernel_size for convolution in others if convolution.groups == 1} == {(1, 1)}


@pytest.mark.parametrize(
    ("name", "written", "weights"),
    [
        ("plain", "59f274c01544cbd3", "28fc629aee847ef8"),
        ("residual", "3fecb438f916a971", "373c5b5ed89437fa"),
        ("inception", "4cd07d10975372b2", "f3560e33236d59cf"),
    ],
)
def test_the_digits_networks_find_their_weights(name: str, written: str, weights: str) -> None:
    """The first digest is part of the weights' file name, the second is of the names and shapes inside."""
    network = SMALL_NETWORKS[name](10)
    assert digest(network) == written
    assert digest([(key, tuple(tensor.shape)) for key, tensor in network.state_dict().items()]) == weights


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("plain", -1454.142175838419, 4117.572773133008),
        ("residual", -1619455.1781476662, 4605086.741203283),
        ("inception", -35.58893606968972, 91.91036094158342),
    ],
)
def test_the_digits_networks_compute_what_they_always_did(name: str, first: float, last: float) -> None:
    """The numbers are those of the first release of these networks, with weights that anyone can write down."""
    network = SMALL_NETWORKS[name](10).double().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            places = torch.linspace(-0.4, 1, parameter.numel(), dtype=torch.float64)
            parameter.copy_(0.3 * places.sin().view_as(parameter))
        image = torch.linspace(0, 50, 3 * 32 * 32, dtype=torch.float64).cos().view(1, 3, 32, 32)
        logits = network(image)[0]
    assert logits[[0, -1]].tolist() == pytest.approx([first, last], rel=1e-9)


@pytest.mark.parametrize("name", DIGITS)
def test_the_digits_networks_draw_their_weights_in_the_order_of_their_modules(name: str) -> None:
    """A recipe's seed has always given these weights."""
    torch.manual_seed(3)
    network = SMALL_NETWORKS[name](10)
    drawn = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    torch.manual_seed(3)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.reset_parameters()
    for key, tensor in network.state_dict().items():
        assert torch.equal(tensor, drawn[key])
