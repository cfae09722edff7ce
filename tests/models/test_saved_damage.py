"""Saved models whose description or weights are incomplete or damaged."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from naa_lightning.exceptions import UserError
from naa_lightning.models.saved import saved_model
from tests.models.cases import SMALL, redescribed, refusal, saved


def test_a_damaged_model_is_named_like_its_file(tmp_path: Path) -> None:
    """It is refused as itself, and not as if it were not there."""
    path = saved(tmp_path)
    path.with_suffix(".json").write_text('{"name": ')
    assert f"{path.with_suffix('.json')} describes no model" in refusal("mine", tmp_path)


@pytest.mark.parametrize("ending", [".json", ".safetensors"])
def test_half_a_model_is_refused(ending: str, tmp_path: Path) -> None:
    path = saved(tmp_path)
    path.with_suffix(ending).unlink()
    expected = f"there is no {path.with_suffix('.json')}," if ending == ".json" else f"there are no weights {path} "
    for model in ("mine", path.stem, path, path.with_suffix(".json")):
        assert refusal(model, tmp_path).startswith(expected)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "damaged or no JSON"),
        (b'{"name": "mine", ', "damaged or no JSON"),
        (b"\xff\xfe\x00", "damaged or no JSON"),
        (b"[" * 100_000, "damaged or no JSON"),
        (b"[1]", "no JSON object"),
        (b"null", "no JSON object"),
    ],
)
def test_what_is_no_json_object_is_refused(content: bytes, reason: str, tmp_path: Path) -> None:
    path = saved(tmp_path).with_suffix(".json")
    path.write_bytes(content)
    message = refusal(path, tmp_path)
    assert message.startswith(f"{path} describes no model that can be used: it ")
    assert reason in message
    assert "train it again" in message


def test_a_folder_of_that_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    assert refusal(tmp_path / "a.json", tmp_path) == f"{tmp_path / 'a.json'} cannot be read: Is a directory"


# Where the weights are, and what is said of few networks only.
NOT_NEEDED = {
    *("weights", "weights_key", "models_dir", "recipe"),
    *("value_range", "channels", "layout", "first_class", "gives", "output", "batch_size"),
}


@pytest.mark.parametrize("key", sorted({"library", *asdict(SMALL)} - NOT_NEEDED))
def test_every_part_of_the_description_is_needed(key: str, tmp_path: Path) -> None:
    path = saved(tmp_path)
    redescribed(path, lambda content: content.pop(key))
    message = refusal(path, tmp_path)
    assert message.startswith(f"{path.with_suffix('.json')} describes no model that can be used: {key} must be given")


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("library", "os", "library must be 'small', 'timm' or 'torchvision'"),
        ("library", "torch.hub.load", "library must be"),
        ("library", ["timm"], "library must be"),
        ("name", "", "name "),
        ("name", 3, "name must be a valid string"),
        ("architecture", "resnet", "architecture must be one of plain, "),
        ("architecture", None, "architecture must be a valid string"),
        ("create_kwargs", [], "create_kwargs must be a valid dictionary"),
        ("create_kwargs", {"checkpoint_path": "evil.pth"}, "create_kwargs must not name other weights"),
        ("num_classes", "3", "num_classes must be a valid integer"),
        ("num_classes", True, "num_classes must be a valid integer"),
        ("num_classes", 0, "num_classes must be greater than 0"),
        ("num_classes", 4, "classes must name num_classes=4 classes, got 3"),
        ("classes", "cat", "classes must be a valid list"),
        ("classes", [1, 2, 3], "classes must be a valid string"),
        ("mean", [0.5, 0.5], "mean "),
        ("mean", 0.5, "mean must be a valid list"),
        ("mean", [0.5, 0.5, "0.5"], "mean must be a valid number"),
        ("mean", [0.5, 0.5, float("nan")], "mean must be a finite number"),
        ("std", [0.5, 0.5, 0.0], "std must be positive"),
        ("input_size", [3, 32, 32], "input_size "),
        ("input_size", [32, -32], "input_size must be greater than 0"),
        ("interpolation", "linear", "interpolation must be one of bilinear"),
        ("antialias", "yes", "antialias must be a valid boolean"),
        ("layer", 3, "layer must be a valid string"),
    ],
)
def test_wrong_values_are_refused(key: str, value: Any, reason: str, tmp_path: Path) -> None:
    path = saved(tmp_path)
    redescribed(path, lambda content: content.update({key: value}))
    message = refusal(path, tmp_path)
    assert message.startswith(f"{path.with_suffix('.json')} describes no model that can be used: {reason}")


@pytest.mark.parametrize(
    ("library", "architecture", "reason"),
    [
        ("timm", "no_such_net.in1k", "timm has no weights 'no_such_net.in1k'"),
        ("timm", "hf-hub:somebody/something", "timm has no weights 'hf-hub:somebody/something'"),
        ("torchvision", "no_such_net.V1", "torchvision has no model 'no_such_net'"),
        ("torchvision", "squeezenet1_1.V7", "torchvision's squeezenet1_1 has no weights 'V7'"),
    ],
)
def test_unknown_architectures_are_refused(library: str, architecture: str, reason: str, tmp_path: Path) -> None:
    path = saved(tmp_path)
    redescribed(path, lambda content: content.update(library=library, architecture=architecture))
    assert refusal(path, tmp_path).startswith(
        f"{path.with_suffix('.json')} describes no model that can be used: {reason}"
    )


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    path = saved(tmp_path)
    redescribed(path, lambda content: (content.pop("std"), content.update(antialias=None, num_classes="x")))
    message = refusal(path, tmp_path)
    assert "num_classes must be a valid integer" in message
    assert "; std must be given; antialias must be a valid boolean" in message


@pytest.mark.parametrize("length", [0, 100, 20_000])
def test_truncated_weights_are_refused_when_they_are_loaded(length: int, tmp_path: Path) -> None:
    path = saved(tmp_path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(UserError, match=rf"{re.escape(str(path))} is damaged, it is not what was written"):
        saved_model("mine", str(tmp_path)).build()


def test_weights_of_another_architecture_are_refused_when_they_are_loaded(tmp_path: Path) -> None:
    path = saved(tmp_path)
    redescribed(path, lambda content: content.update(architecture="residual"))
    with pytest.raises(
        UserError,
        match=rf"the weights in {re.escape(str(path))} do not fit, they are of another",
    ):
        saved_model("mine", str(tmp_path)).build()


@pytest.mark.parametrize("place", [0.3, 0.6, 0.99])
def test_a_flipped_bit_in_the_weights_is_noticed(place: float, tmp_path: Path) -> None:
    path = saved(tmp_path)
    saved_model("mine", str(tmp_path)).build()
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 4
    path.write_bytes(content)
    with pytest.raises(
        UserError, match=f"the weights file {re.escape(str(path))} is damaged, it is not what was written"
    ):
        saved_model("mine", str(tmp_path)).build()


def test_weights_of_before_digests_were_kept_load(tmp_path: Path) -> None:
    path = saved(tmp_path)
    redescribed(path, lambda content: content.pop("sha256"))
    loaded = saved_model("mine", str(tmp_path)).build().network.state_dict()
    assert {name: values.tolist() for name, values in load_file(path).items()}.items() <= {
        name: values.tolist() for name, values in loaded.items()
    }.items()
