"""Classifiers by name and of plain networks."""

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from naa_lightning.exceptions import ModelError
from naa_lightning.library.load import list_surrogates, load
from naa_lightning.models.small import SMALL_NETWORKS
from tests.experiments import NETWORKS


def saved(network: nn.Module, folder: Path) -> Path:
    path = folder / "weights.safetensors"
    save_file({name: value.clone().contiguous() for name, value in network.state_dict().items()}, path)
    return path


def images(side: int) -> torch.Tensor:
    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))


def normalised(batch: torch.Tensor, mean: list[float], std: list[float]) -> torch.Tensor:
    return (batch - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)


def test_the_surrogates_are_those_of_the_configuration() -> None:
    assert list_surrogates() == NETWORKS


def test_a_surrogate_by_name(tmp_path: Path) -> None:
    network = torchvision.models.resnet50(weights=None).eval()
    surrogate = load("resnet50", weights=saved(network, tmp_path))
    assert surrogate.layers == ("layer2.3",)
    assert surrogate.num_classes == 1000
    assert not surrogate.training
    expected = network(normalised(images(224), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    torch.testing.assert_close(surrogate(images(224)), expected)


def test_what_is_given_wins(tmp_path: Path) -> None:
    network = SMALL_NETWORKS["plain"](7)
    options: dict[str, Any] = {"layer": "top", "mean": [0.1] * 3, "std": [0.2] * 3, "input_size": (16, 24)}
    surrogate = load("digits_plain", weights=str(saved(network, tmp_path)), num_classes=7, **options)
    assert surrogate.layers == ("top",)
    assert surrogate.num_classes == 7
    assert surrogate.input_size == (16, 24)
    expected = network.eval()(normalised(images(24)[:, :, :16], [0.1] * 3, [0.2] * 3))
    torch.testing.assert_close(surrogate(images(24)[:, :, :16]), expected)


@pytest.mark.parametrize("name", ["test_resnet", "test_resnet.r160_in1k"])
def test_a_model_of_timm_by_name(name: str, tmp_path: Path) -> None:
    network = timm.create_model("test_resnet.r160_in1k").eval()
    surrogate = load(name, weights=saved(network, tmp_path))
    assert (surrogate.layers, surrogate.input_size, surrogate.num_classes) == ((), (160, 160), 1000)
    published = timm.get_pretrained_cfg("test_resnet.r160_in1k")
    assert published is not None
    expected = network(normalised(images(160), list(published.mean), list(published.std)))
    torch.testing.assert_close(surrogate(images(160)), expected)


@pytest.mark.parametrize("name", ["shufflenet_v2_x0_5", "shufflenet_v2_x0_5.IMAGENET1K_V1"])
def test_a_model_of_torchvision_by_name(name: str, tmp_path: Path) -> None:
    network = torchvision.models.shufflenet_v2_x0_5(weights=None).eval()
    surrogate = load(name, weights=saved(network, tmp_path), layer="stage3")
    assert (surrogate.layers, surrogate.input_size, surrogate.num_classes) == (("stage3",), (224, 224), 1000)
    expected = network(normalised(images(224), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    torch.testing.assert_close(surrogate(images(224)), expected)


def test_the_weights_of_a_network_are_read(tmp_path: Path) -> None:
    network, other = SMALL_NETWORKS["plain"](4), SMALL_NETWORKS["plain"](4)
    surrogate = load(network, mean=[0.5] * 3, std=[0.5] * 3, weights=saved(other, tmp_path))
    torch.testing.assert_close(surrogate(images(32)), other.eval()(2 * images(32) - 1))
    assert not network.training


@pytest.mark.parametrize("by_name", [True, False])
def test_of_two_networks_in_a_file_one_is_named(by_name: bool, tmp_path: Path) -> None:
    student, teacher = SMALL_NETWORKS["plain"](10), SMALL_NETWORKS["plain"](10)
    path, options = saved(nn.ModuleDict({"student": student, "teacher": teacher}), tmp_path), dict[str, Any]()
    if not by_name:
        options = {"mean": [0.5] * 3, "std": [0.5] * 3}
    for key, network in (("student", student), ("teacher", teacher)):
        model = "digits_plain" if by_name else SMALL_NETWORKS["plain"](10)
        surrogate = load(model, weights=path, weights_key=key, **options)
        torch.testing.assert_close(surrogate(images(32)), network.eval()(2 * images(32) - 1))
    with pytest.raises(ModelError, match=r"name one by `weights_key`, such as `weights_key=student`$"):
        load("digits_plain" if by_name else SMALL_NETWORKS["plain"](10), weights=path, **options)


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("resnet51", {}, "^neither this package nor timm nor torchvision has a model 'resnet51': close are .*resnet50"),
        ("\N{SNOWMAN}", {}, "has a model '\N{SNOWMAN}': "),
        ("timm", {}, "has a model 'timm': "),
        ("resnet50.V9", {}, "^torchvision's resnet50 has no weights 'V9'; it has IMAGENET1K_V1, IMAGENET1K_V2"),
        ("digits_plain", {"weights": "nowhere.pt"}, "^there is no weights file nowhere.pt; correct `weights`"),
        ("digits_plain", {"std": [0, 1, 1]}, r"^std must be positive, got \[0, 1, 1\]$"),
        ("digits_plain", {"mean": [0.5]}, r"^mean and std must be of as many channels, got \[0\.5\] and "),
        (
            "resnet50",
            {"num_classes": 10},
            "^the published weights of resnet50 .* know 1000 classes, but num_classes is",
        ),
        (3, {}, "^expected the name of a model or a network, got int$"),
        (nn.Flatten(), {}, "^nothing says what images Flatten expects: give its `mean` and `std`"),
        (nn.Flatten(), {"mean": [0] * 3, "std": [1] * 3, "layer": "x"}, "^there is no layer 'x'"),
    ],
)
def test_what_cannot_be_is_refused(model: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, ModelError), match=message) as error:
        load(model, **options)
    assert "\n" not in str(error.value)


def test_a_network_that_is_not_trained_yet_says_how_to_train_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ModelError, match=r"digits_plain in outputs/models/.*naa-train surrogate=digits_plain`"
    ) as error:
        load("digits_plain")
    (tmp_path / "outputs" / "models").mkdir(parents=True)
    path = str(error.value).partition(" in ")[2].partition(": ")[0]
    network = SMALL_NETWORKS["plain"](10)
    saved(network, tmp_path).rename(tmp_path / path)
    surrogate = load("digits_plain")
    assert surrogate.layers == ("middle",)
    torch.testing.assert_close(surrogate(images(32)), network.eval()(2 * images(32) - 1))
