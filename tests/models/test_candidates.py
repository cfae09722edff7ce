from collections.abc import Callable
from functools import partial

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn

from naa_lightning.models import Classifier
from naa_lightning.models.candidates import CandidateLayer, candidate_layers, named_layers
from naa_lightning.models.layer import LayerError

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "mobilenetv2_100": partial(timm.create_model, "mobilenetv2_100", num_classes=10),
    "resnet18": partial(timm.create_model, "resnet18", num_classes=10, zero_init_last=False),
    "vgg11": partial(torchvision.models.vgg11, num_classes=10, init_weights=False),
    "densenet121": partial(timm.create_model, "densenet121", num_classes=10),
    "vit_tiny_patch16_224": partial(timm.create_model, "vit_tiny_patch16_224", num_classes=10, img_size=64),
    "squeezenet1_1": partial(torchvision.models.squeezenet1_1, num_classes=10),
}


class Windows(nn.Module):
    """Puts out two items per image, as windowed attention does."""

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.cat([inputs, inputs])


class Block(nn.Module):
    """Two convolutions under a shortcut, a ReLU in place, a dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(4, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.5)

    def forward(self, inputs: Tensor) -> Tensor:
        output: Tensor = self.drop(self.relu(self.second(self.first(inputs)) + inputs))
        return output


class Everything(nn.Module):
    """A module of every kind that is no candidate, among some that are."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.relu = nn.ReLU(inplace=True)
        self.identity = nn.Identity()
        self.stage = nn.Sequential(Block(), Block())
        self.twice = nn.Conv2d(4, 4, 1)
        self.windows = Windows()
        self.aside = nn.Conv2d(4, 4, 1)
        self.pair = nn.MaxPool2d(2, return_indices=True)
        self.never = nn.Conv2d(4, 4, 1)
        self.mixer = nn.Linear(4, 5)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.tokens = nn.MultiheadAttention(5, 1)
        self.head = nn.Linear(5, 10)

    def forward(self, inputs: Tensor) -> Tensor:
        maps = self.stage(self.identity(self.relu(self.conv(inputs))))
        maps = self.twice(self.twice(maps))
        self.aside(maps)
        maps = self.windows(maps)[: len(inputs)]
        maps, _ = self.pair(maps)
        tokens = self.mixer(maps.flatten(2).transpose(1, 2))
        pooled: Tensor = self.pool(tokens.transpose(1, 2).unsqueeze(3)).flatten(1)
        logits: Tensor = self.head(pooled)
        return logits


def classifier(network: nn.Module, size: int) -> Classifier:
    return Classifier(network, mean=[0.5] * 3, std=[0.5] * 3, input_size=(size, size))


def black(size: int = 10) -> Tensor:
    return torch.zeros(1, 3, size, size)


def names(layers: list[CandidateLayer]) -> list[str]:
    return [layer.name for layer in layers]


@pytest.fixture(scope="module")
def networks() -> dict[str, Classifier]:
    torch.manual_seed(0)
    return {name: classifier(make(), 64).eval() for name, make in NETWORKS.items()}


@pytest.fixture
def everything() -> Classifier:
    torch.manual_seed(0)
    return classifier(Everything(), 10)


def test_what_is_a_candidate_and_what_is_not(everything: Classifier) -> None:
    found = candidate_layers(everything, black(), depth=2)
    assert [(layer.name, layer.shape) for layer in found] == [
        ("conv", (4, 8, 8)),
        ("relu", (4, 8, 8)),
        ("stage.0", (4, 8, 8)),
        ("stage", (4, 8, 8)),  # stage.1 puts out the same
        ("mixer", (16, 5)),
    ]


def test_progress_counts_calls_of_modules(everything: Classifier) -> None:
    progress = {layer.name: layer.progress for layer in candidate_layers(everything, black(), depth=1)}
    # conv, relu, identity, two blocks of four parts, the stage, twice twice, aside, windows, pair, mixer, pool, head
    total = 3 + 2 * 5 + 1 + 2 + 6
    assert progress == {"conv": 1 / total, "relu": 2 / total, "stage": 14 / total, "mixer": 20 / total}


def test_branches_are_found_on_demand(everything: Classifier) -> None:
    found = names(candidate_layers(everything, black(), depth=3, branches=True))
    assert found == [
        "conv",
        "relu",
        "stage.0.first",
        "stage.0.second",
        "stage.0",
        "stage.1.first",
        "stage.1.second",
        "stage",
        "mixer",
    ]


@pytest.mark.parametrize(
    ("limit", "expected"), [(1, "a"), (2, "ai"), (3, "aei"), (4, "adfi"), (9, "abcdefghi"), (20, "abcdefghi")]
)
def test_a_limit_is_spread_evenly(limit: int, expected: str) -> None:
    network = nn.Sequential()
    for name in "abcdefghi":
        network.add_module(name, nn.Conv2d(3, 3, 1))
    network.add_module("flat", nn.Flatten())
    found = candidate_layers(classifier(network, 4), black(4), depth=1, limit=limit)
    assert "".join(names(found)) == expected


@pytest.mark.parametrize(
    ("name", "depth", "expected"),
    [
        ("mobilenetv2_100", 1, ["conv_stem", "bn1", "blocks", "conv_head", "bn2"]),
        ("resnet18", 1, ["conv1", "bn1", "act1", "maxpool", "layer1", "layer2", "layer3", "layer4"]),
        ("vgg11", 2, [*(f"features.{number}" for number in range(20)), "features", "avgpool"]),
        (
            "densenet121",
            2,
            [
                "features.conv0",
                "features.norm0",
                "features.pool0",
                *(f"features.{part}{n}" for n in (1, 2, 3) for part in ("denseblock", "transition")),
                "features.denseblock4",
                "features",
            ],
        ),
        ("vit_tiny_patch16_224", 2, ["patch_embed", *(f"blocks.{number}" for number in range(11)), "blocks", "norm"]),
        (
            "squeezenet1_1",
            2,
            [*(f"features.{number}" for number in range(12)), "features", "classifier.1", "classifier.2"],
        ),
    ],
)
def test_real_networks(networks: dict[str, Classifier], name: str, depth: int, expected: list[str]) -> None:
    assert names(candidate_layers(networks[name], black(), depth=depth)) == expected


@pytest.mark.parametrize("name", NETWORKS)
def test_candidates_can_be_attacked_and_are_in_order(networks: dict[str, Classifier], name: str) -> None:
    model = networks[name]
    found = candidate_layers(model, black(), depth=3, limit=8)
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    ended: list[str] = []
    handles = [
        model.network.get_submodule(layer.name).register_forward_hook(lambda *_, name=layer.name: ended.append(name))
        for layer in found
    ]
    with torch.no_grad():
        model(images)
    for handle in handles:
        handle.remove()
    assert ended == names(found)
    assert [layer.progress for layer in found] == sorted({layer.progress for layer in found})
    assert found[0].progress > 0
    assert found[-1].progress <= 1
    for layer in found:
        model.layers = (layer.name,)
        assert model.features(images).shape == (2, *layer.shape)
        assert model.layer_gradient(images, lambda logits: logits[:, 0]).abs().sum() > 0


@torch.no_grad()
@pytest.mark.parametrize("name", ["mobilenetv2_100", "resnet18", "densenet121", "vit_tiny_patch16_224"])
def test_all_that_the_logits_know_has_passed_through_a_candidate(networks: dict[str, Classifier], name: str) -> None:
    """With the layer's output for one image put in its place, another image gives that one's logits."""
    model = networks[name]
    one, other = torch.rand(2, 1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    logits = model(one)
    trunk = names(candidate_layers(model, black(), depth=3))
    beside = [found for found in names(candidate_layers(model, black(), depth=3, branches=True)) if found not in trunk]
    assert beside or name == "mobilenetv2_100"

    def apart(layer: str) -> float:
        model.layers = (layer,)
        features = model.features(one)
        return float((model.logits_with(other, lambda _: features) - logits).abs().max())

    assert max(map(apart, trunk[:: max(1, len(trunk) // 8)])) < 1e-5
    assert min(map(apart, beside[:: max(1, len(beside) // 8)]), default=1.0) > 1e-4


def test_named_layers_come_in_the_order_of_the_network(everything: Classifier) -> None:
    found = named_layers(everything, black(), ["mixer", "head", "stage.0.first"])
    assert [(layer.name, layer.shape) for layer in found] == [
        ("stage.0.first", (4, 8, 8)),
        ("mixer", (16, 5)),
        ("head", (10,)),
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("stag.0", "there is no layer 'stag.0'; the closest are stage.0"),
        ("twice", "twice must run once in a forward pass, it ran 2 times"),
        ("never", "never never runs in a forward pass"),
        ("pair", "pair must put out one tensor that the logits depend on"),
        ("aside", "aside must put out one tensor that the logits depend on"),
    ],
)
def test_named_layers_that_cannot_be_attacked(everything: Classifier, name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        named_layers(everything, black(), ["conv", name])
    assert isinstance(error.value, LayerError) == (name != "stag.0")


class Failing(nn.Module):
    def forward(self, inputs: Tensor) -> Tensor:
        raise RuntimeError("in the middle")


@pytest.mark.parametrize("fails", [False, True])
def test_the_network_is_left_as_it_was(everything: Classifier, fails: bool) -> None:
    if fails:
        everything.network.twice = Failing()
        with pytest.raises(RuntimeError, match="in the middle"):
            candidate_layers(everything, black(), depth=2)
    else:
        candidate_layers(everything, black(), depth=2)
    for module in everything.modules():
        assert module.training
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
    assert all(parameter.requires_grad and parameter.grad is None for parameter in everything.parameters())
