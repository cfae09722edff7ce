"""How a saved model is found, by name or path."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from naa_lightning.models.saved import saved_model
from tests.experiments import ROOT
from tests.models.cases import SMALL, refusal, saved


@pytest.mark.parametrize(
    "model", ["{dir}/mine-0123456789ab.json", "{dir}/mine-0123456789ab.safetensors", "mine-0123456789ab", "mine"]
)
def test_a_model_is_found_by_path_and_by_name(model: str, tmp_path: Path) -> None:
    path = saved(tmp_path)
    saved(tmp_path, replace(SMALL, name="other"), "other-0")
    found = saved_model(model.format(dir=tmp_path), str(tmp_path))
    assert found.weights == str(path)
    assert found == replace(SMALL, weights=str(path), models_dir=str(tmp_path), recipe={})


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    path = saved(tmp_path)
    for model in (f"~/{path.name}", f"~/{path.stem}.json"):
        assert saved_model(model, "nowhere").weights == str(path)
    assert saved_model("mine", "~").weights == str(path)
    assert "there is no ~/other" not in refusal("~/other.json", tmp_path)


def test_names_may_hold_dots(tmp_path: Path) -> None:
    path = saved(tmp_path, stem="net.v1-0")
    assert saved_model("net.v1-0", str(tmp_path)).weights == str(path)
    assert saved_model(str(tmp_path / "net.v1-0.json"), "nowhere").weights == str(path)


def test_of_several_models_of_a_name_one_must_be_chosen(tmp_path: Path) -> None:
    saved(tmp_path, stem="mine-a", accuracy=0.912)
    saved(tmp_path, stem="mine-b", accuracy=None)
    saved(tmp_path, replace(SMALL, name="other"), "other-c", accuracy=0.5)
    assert refusal("mine", tmp_path) == (
        f"2 models in {tmp_path} are called mine: name one of mine-a (91.2 % right), mine-b"
    )
    assert saved_model("mine-b", str(tmp_path)).weights == str(tmp_path / "mine-b.safetensors")


def test_a_file_s_name_goes_before_a_model_s(tmp_path: Path) -> None:
    saved(tmp_path, stem="mine")
    saved(tmp_path, stem="mine-b")
    assert saved_model("mine", str(tmp_path)).weights == str(tmp_path / "mine.safetensors")


def test_an_unknown_name_is_answered_with_what_there_is(tmp_path: Path) -> None:
    saved(tmp_path, accuracy=0.5)
    (tmp_path / "bad-1.json").write_text("{")
    message = refusal("nine", tmp_path)
    assert f"there is no model nine in {tmp_path}, which holds bad-1, mine-0123456789ab (50.0 % right);" in message
    assert f"naa-models {tmp_path}" in message


def test_of_many_models_the_first_are_named(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"model-{number:02d}.json").write_text("{}")
    message = refusal("nine", tmp_path)
    assert "model-09 and 2 more" in message
    assert "model-10" not in message


@pytest.mark.parametrize("folder", ["", "missing"])
def test_an_empty_folder_says_how_to_train(folder: str, tmp_path: Path) -> None:
    message = refusal("mine", tmp_path / folder)
    assert message.startswith(f"there is no model mine, as {tmp_path / folder} holds none")
    assert message.endswith("give a path, or train one")


def test_no_library_is_loaded_before_it_is_needed(tmp_path: Path) -> None:
    saved(tmp_path)
    code = (
        "import sys; from naa_lightning.models.saved import saved_model; saved_model('mine', sys.argv[1]); "
        "sys.exit(' '.join({'timm', 'torchvision', 'hydra', 'pytorch_lightning'} & sys.modules.keys()) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
