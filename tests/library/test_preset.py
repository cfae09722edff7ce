"""The reader of shipped presets says what Hydra composes."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

import naa_lightning.library.preset
from naa_lightning.library.preset import preset, preset_names
from tests.experiments import NETWORKS, composed, presets


def by_hydra(group: str, *overrides: str) -> object:
    return OmegaConf.to_container(composed(*overrides)[group], resolve=True)


@pytest.mark.parametrize("name", presets("attack"))
def test_an_attack_is_what_hydra_composes(name: str) -> None:
    """All but `targeted` and `temperature`, which attack.yaml itself sets."""
    assert repr({"targeted": False, "temperature": 1, **preset("attack", name)}) == repr(
        by_hydra("attack", f"attack={name}")
    )


@pytest.mark.parametrize("name", [*NETWORKS, "ensemble", "trained"])
def test_a_surrogate_is_what_hydra_composes(name: str) -> None:
    assert repr(preset("surrogate", name)) == repr(by_hydra("surrogate", f"surrogate={name}"))


@pytest.mark.parametrize("name", ["timm", "torchvision"])
def test_what_must_be_given_is_marked(name: str) -> None:
    expected = by_hydra("surrogate", f"surrogate={name}", "surrogate.architecture='???'", "surrogate.name='???'")
    assert preset("surrogate", name) == expected


@pytest.mark.parametrize("name", ["mim", "fgsm", "danaa"])
def test_another_choice_within_the_attack(name: str) -> None:
    found = preset("attack", name, {"attack/budget": "l2"})
    assert found["budget"] == composed(f"attack={name}", "attack/budget=l2").attack.budget


def test_names_are_those_of_the_files() -> None:
    assert preset_names("attack") == presets("attack")
    assert len(preset_names("attack")) == 28


@pytest.mark.parametrize(
    "text",
    [
        "defaults:\n  - other\na: 1\n",
        "defaults:\n  - optional part: x\n  - _self_\n",
        "defaults:\n  - part@_global_.x.: x\n  - _self_\n",
        "defaults:\n  - /elsewhere/x\n  - _self_\n",
        "a: ${hydra:runtime.output_dir}\n",
        "a: ${oc.env:HOME}/b\n",
    ],
)
def test_more_of_the_language_is_refused(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "paths").mkdir()
    (tmp_path / "paths" / "default.yaml").write_text("output_dir: outputs\n")
    (tmp_path / "group").mkdir()
    (tmp_path / "group" / "other.yaml").write_text("b: 2\n")
    (tmp_path / "group" / "mine.yaml").write_text(text)
    monkeypatch.setattr(naa_lightning.library.preset, "CONF", tmp_path)
    with pytest.raises(ValueError, match="which is not read without Hydra"):
        preset("group", "mine")
