"""Saved models that a configuration names: attacked, and tried as targets."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file

from naa_lightning.cli.entry import one_line_errors
from naa_lightning.config.attack_experiment import compose_attack_run
from naa_lightning.exceptions import UserError
from naa_lightning.models.saved import save_model
from tests.experiments import adversarial_files, attack, composed
from tests.models.cases import SMALL


@pytest.fixture(scope="module")
def usual(models_dir: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on the trained digits network."""
    folder = tmp_path_factory.mktemp("usual")
    attack(folder, models_dir, "~targets", "data.limit=4")
    return folder


@pytest.fixture(scope="module")
def digits(usual: Path, models_dir: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with that network alone, saved as `mine-1`."""
    (trained,) = Path(models_dir.partition("=")[2]).glob("digits_plain-*.safetensors")
    folder = tmp_path_factory.mktemp("saved")
    half = [0.5, 0.5, 0.5]
    source = replace(SMALL, layer="middle", mean=half, std=half, input_size=[32, 32], num_classes=10, classes=None)
    network = source.network(pretrained=False)
    network.load_state_dict(load_file(trained))
    save_model(folder / "mine-1.safetensors", source, network, {})
    return folder


def test_a_saved_model_is_attacked_and_tried(usual: Path, digits: Path, models_dir: str, tmp_path: Path) -> None:
    targets = ["~targets", "+surrogate@targets.again=trained", "targets.again.model=mine", "targets.again.name=again"]
    folders = [f"surrogate.models_dir={digits}", f"targets.again.models_dir={digits}"]
    attack(tmp_path, models_dir, "surrogate=trained", "surrogate.model=mine-1", *targets, *folders, "data.limit=4")
    assert len(adversarial_files(usual)) == 4
    assert adversarial_files(tmp_path) == adversarial_files(usual)
    expected, found = (json.loads((folder / "results.json").read_text())["targets"] for folder in (usual, tmp_path))
    assert {name: target["role"] for name, target in found.items()} == {"mine": "white-box", "again": "black-box"}
    for name in ("mine", "again"):
        assert found[name]["clean_accuracy"] == expected["digits_plain"]["clean_accuracy"]
        assert found[name]["success_rate"] == expected["digits_plain"]["success_rate"]


def test_a_target_that_is_the_surrogate_is_asked_once(digits: Path) -> None:
    words = ["~targets", "+surrogate@targets.again=trained", "targets.again.model=mine"]
    config = composed(
        "experiment=digits", "surrogate=trained", "surrogate.model=mine-1", *words, f"paths.models_dir={digits}"
    )
    experiment = compose_attack_run(config)
    assert [target.name for target in experiment.targets] == ["mine"]


def test_a_configuration_s_layer_goes_before_the_saved_one(digits: Path) -> None:
    words = ["experiment=digits", "~targets", "surrogate=trained", "surrogate.model=mine", f"paths.models_dir={digits}"]
    (source,) = compose_attack_run(composed(*words)).white_box
    assert source.layer == "middle"
    (source,) = compose_attack_run(composed(*words, "surrogate.layer=[middle,top]")).white_box
    assert list(source.layer or ()) == ["middle", "top"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["surrogate.model=nine"], "there is no model nine in .*, which holds mine-1;"),
        (["surrogate.model=3"], "there is no model 3 in .*, which holds mine-1;"),
        (["surrogate.model=[3]"], r"surrogate.model must be a valid string, got \[3\]"),
        (["surrogate.model=mine", "+surrogate.lair=top"], "there is no option surrogate.lair; did you mean layer?"),
    ],
)
def test_mistakes_are_told_in_the_user_s_words(words: list[str], message: str, digits: Path) -> None:
    config = composed("experiment=digits", "~targets", "surrogate=trained", f"paths.models_dir={digits}", *words)
    with pytest.raises(UserError, match=message):
        compose_attack_run(config)


def test_a_missing_model_is_said_in_one_line() -> None:
    with pytest.raises(SystemExit) as end, one_line_errors():
        compose_attack_run(composed("experiment=digits", "surrogate=trained"))
    assert end.value.code == "error: surrogate.model must be given"
