"""Trained models: what their files are called, and that they are found again."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from naa_lightning.exceptions import UserError
from naa_lightning.models.trained import made_of
from tests.models.cases import TRAINED


@pytest.mark.parametrize(
    "change",
    [
        {"recipe": {"training": {"epochs": 7}, "data": {"seed": 0}}},
        {"recipe": {"training": {"epochs": 6}, "data": {"seed": 1}}},
        {"architecture": "residual"},
        {"num_classes": 11},
        {"mean": [0.5, 0.5, 0.4]},
        {"std": [0.5, 0.5, 0.4]},
        {"input_size": [32, 33]},
        {"interpolation": "bicubic"},
        {"antialias": True},
        {"recipe": {"training": {"epochs": 6, "loss": {"models": ["a"]}}, "data": {"seed": 0}}},
    ],
)
def test_another_recipe_or_network_has_another_file(change: dict[str, Any]) -> None:
    assert replace(TRAINED, **change).weights_path.name != TRAINED.weights_path.name


@pytest.mark.parametrize(
    "change",
    [
        {"models_dir": "elsewhere"},
        {"layer": "top"},
        {"recipe": {"data": {"seed": 0}, "training": {"epochs": 6}}},
    ],
)
def test_what_does_not_change_the_weights_keeps_the_files_name(change: dict[str, Any]) -> None:
    assert replace(TRAINED, **change).weights_path.name == TRAINED.weights_path.name


def test_digests_of_models_trained_before_stay() -> None:
    """Keys that were added later are left out where they have the value that all models had then."""
    assert TRAINED.weights_path.name == "mine-4588a03db76d.safetensors"


def test_where_other_models_lie_does_not_change_the_weights() -> None:
    def file(loss: Any) -> str:
        return replace(TRAINED, recipe={"training": {"loss": loss}}).weights_path.name

    here = {"models": ["a"], "models_dir": "here"}
    assert file(here) == file({**here, "models_dir": "there"})
    assert file(here) != file({**here, "models": ["b"]})
    assert here["models_dir"] == "here"
    assert made_of(TRAINED, {"training": {"loss": None}})["recipe"]["training"] == {"loss": None}


def test_a_trained_model_is_found_again(tmp_path: Path) -> None:
    source = replace(TRAINED, models_dir=str(tmp_path))
    trained = source.wrap(source.network(pretrained=False))
    save_file(trained.network.state_dict(), source.weights_path)
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(source.build()(images), trained.eval()(images))


def test_a_tilde_in_the_models_folder_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert replace(TRAINED, models_dir="~/models").weights_path.parent == tmp_path / "models"
    assert replace(TRAINED, weights="~/mine.safetensors").weights_path == tmp_path / "mine.safetensors"


def test_a_trained_model_needs_weights_or_a_recipe(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="mine has neither weights nor a recipe"):
        replace(TRAINED, models_dir=str(tmp_path), recipe={}).check()
