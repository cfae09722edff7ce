"""What is saved of a model comes back."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import load_file, save
from torch import nn

from naa_lightning.exceptions import UserError
from naa_lightning.models import LibraryModel, TrainedModel
from naa_lightning.models.saved import library_of, save_model, saved_model
from tests.models.cases import SMALL, TIMM, TORCHVISION, description, network_of, saved


@pytest.mark.parametrize("source", [SMALL, TIMM, TORCHVISION], ids=["small", "timm", "torchvision"])
def test_what_is_saved_comes_back(source: LibraryModel, tmp_path: Path) -> None:
    path = saved(tmp_path, source)
    found = saved_model(str(path), "nowhere")
    assert type(found) is type(source)
    found.check()
    model, expected = found.build(), source.wrap(network_of(source)).eval()
    images = torch.rand(2, 3, 40, 48, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(model.preprocess(images), expected.preprocess(images))
        assert torch.equal(model(images), expected(images))
        assert model(images).std() > 0
    assert model.layers == expected.layers
    state, same = model.network.state_dict(), expected.network.state_dict()
    assert state.keys() == same.keys()
    assert all(torch.equal(value, same[name]) for name, value in state.items())
    for kept in ("name", "architecture", "layer", "num_classes", "interpolation", "antialias", "classes"):
        assert getattr(found, kept) == getattr(source, kept)
    assert dict(found.create_kwargs) == dict(source.create_kwargs)


def test_preprocessing_is_written_as_it_is_used(tmp_path: Path) -> None:
    config = timm.get_pretrained_cfg(TIMM.architecture)
    assert config is not None
    said = description(saved(tmp_path, TIMM))
    assert said["mean"] == list(config.mean)
    assert said["std"] == list(config.std)
    assert said["input_size"] == [160, 160]
    said = description(saved(tmp_path, TORCHVISION))
    assert said["std"] == [0.229, 0.224, 0.225], "as torchvision documents it"
    assert said["mean"] == [0.1, 0.2, 0.3], "given, which goes before the published one"
    assert said["input_size"] == [64, 64]


def test_the_file_beside_the_weights_is_flat(tmp_path: Path) -> None:
    robust = {"accuracy": 0.4, "attack": {"eps": "8/255"}}
    path = saved(tmp_path, SMALL, accuracy=0.9, robust=robust)
    assert description(path) == {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "library": "small",
        "name": "mine",
        "architecture": "plain",
        "create_kwargs": {},
        "num_classes": 3,
        "classes": ["cat", "dog", "\N{SNOWMAN}"],
        "mean": [0.1, 0.2, 0.3],
        "std": [0.4, 0.5, 0.6],
        "input_size": [32, 24],
        "interpolation": "bilinear",
        "antialias": True,
        "layer": ["middle", "top"],
        "accuracy": 0.9,
        "robust": robust,
    }


def test_libraries() -> None:
    assert [library_of(source) for source in (SMALL, TIMM, TORCHVISION)] == ["small", "timm", "torchvision"]


@dataclass(frozen=True, kw_only=True)
class Special(TrainedModel):
    """A network of somebody's own, which only they can build."""


def test_networks_of_another_kind_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    special = Special(**vars(SMALL))
    with pytest.raises(UserError, match="mine is a Special: only networks of timm, torchvision and this project"):
        save_model(tmp_path / "a.safetensors", special, nn.Linear(1, 1), {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "facts", "message"),
    [
        ("a.safetensors", {"mean": [0, 0, 0], "layer": "top", "accuracy": 1}, "must not describe .* got layer, mean$"),
        ("a.pth", {}, r"must end in \.safetensors, got .*a\.pth"),
        ("a", {}, r"must end in \.safetensors"),
    ],
)
def test_a_caller_s_mistake_leaves_no_file(name: str, facts: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        save_model(tmp_path / name, SMALL, nn.Linear(1, 1), facts)
    assert list(tmp_path.iterdir()) == []


def test_weights_are_written_last(tmp_path: Path) -> None:
    """A run that is killed in between leaves no weights without a description."""
    (tmp_path / "a.safetensors").mkdir()
    with pytest.raises(IsADirectoryError):
        save_model(tmp_path / "a.safetensors", SMALL, nn.Linear(1, 1), {})
    assert (tmp_path / "a.json").is_file()


def test_shared_and_scattered_tensors_are_saved(tmp_path: Path) -> None:
    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    second.weight, second.bias = first.weight, nn.Parameter(torch.rand(4, 4).t())
    network = nn.Sequential(first, second)
    with pytest.raises(RuntimeError, match="share memory"):
        save(network.state_dict())
    save_model(tmp_path / "a.safetensors", SMALL, network, {})
    loaded = load_file(tmp_path / "a.safetensors")
    assert all(torch.equal(loaded[name], value) for name, value in network.state_dict().items())
    assert len(loaded) == 4


def test_the_network_itself_is_left_as_it_is(tmp_path: Path) -> None:
    network = network_of(SMALL)
    parameter = next(network.parameters())
    save_model(tmp_path / "a.safetensors", SMALL, network, {})
    assert next(network.parameters()) is parameter
    assert parameter.requires_grad


def test_name_and_layer_can_be_given(tmp_path: Path) -> None:
    saved(tmp_path)
    found = saved_model("mine", str(tmp_path), name="another", layer="top")
    assert (found.name, found.layer) == ("another", "top")
    assert found.build().layers == ("top",)


def test_a_layer_that_is_not_there_is_refused_when_it_is_built(tmp_path: Path) -> None:
    saved(tmp_path)
    with pytest.raises(UserError, match=r"mine: .*midle"):
        saved_model("mine", str(tmp_path), layer="midle").build()


def test_facts_of_any_kind_do_no_harm(tmp_path: Path) -> None:
    path = saved(tmp_path, accuracy=float("nan"), robust=None, weights="other.safetensors", recipe=3)
    assert saved_model("mine", str(tmp_path)).weights == str(path)


def test_other_weights_that_made_the_network_are_forgotten(tmp_path: Path) -> None:
    """What was trained is in the file; what it was trained from need not be there any more."""
    path = tmp_path / "a.safetensors"
    source = replace(TIMM, create_kwargs={"checkpoint_path": "gone.pth", "drop_rate": 0.5}, weights="gone.safetensors")
    save_model(path, source, network_of(TIMM), {})
    found = saved_model(str(path), "")
    assert found.create_kwargs == {"drop_rate": 0.5}
    assert found.weights == str(path)
