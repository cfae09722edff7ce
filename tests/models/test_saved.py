"""Models that were trained and saved."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import load_file, save
from torch import nn

from naa_lightning.composition import compose_attack_run
from naa_lightning.entry import one_line_errors
from naa_lightning.errors import UserError
from naa_lightning.models import ClassifierSource, TrainedModel
from naa_lightning.models.saved import check_classes, library_of, save_model, saved_model
from naa_lightning.models.timm_model import TimmModel
from naa_lightning.models.torchvision_model import TorchvisionModel
from tests.experiments import ROOT, adversarial_files, attack, composed

SMALL = TrainedModel(
    name="mine",
    architecture="plain",
    layer=["middle", "top"],
    mean=[0.1, 0.2, 0.3],
    std=[0.4, 0.5, 0.6],
    input_size=[32, 24],
    num_classes=3,
    classes=["cat", "dog", "\N{SNOWMAN}"],
    antialias=True,
    models_dir="elsewhere",
    recipe={"epochs": 3},
)
TIMM = TimmModel(
    name="mine",
    architecture="test_resnet.r160_in1k",
    layer="layer2",
    num_classes=5,
    interpolation="bicubic",
    create_kwargs={"drop_rate": 0.5},
)
TORCHVISION = TorchvisionModel(
    name="mine",
    architecture="squeezenet1_1.IMAGENET1K_V1",
    layer="features.5",
    num_classes=4,
    mean=[0.1, 0.2, 0.3],
    input_size=(64, 64),
)


def network_of(source: ClassifierSource) -> nn.Module:
    """A network that differs from an untrained one in every number, in evaluation mode."""
    torch.manual_seed(0)
    network = source.network(pretrained=False)
    for value in network.state_dict().values():
        value.add_(0.1 * torch.rand_like(value) if value.is_floating_point() else 7)
    return network.eval()


def saved(folder: Path, source: ClassifierSource = SMALL, stem: str = "mine-0123456789ab", **facts: Any) -> Path:
    path = folder / f"{stem}.safetensors"
    save_model(path, source, network_of(source), facts)
    return path


def description(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())
    return content


def redescribed(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = description(path)
    change(content)
    path.with_suffix(".json").write_text(json.dumps(content))


def refusal(model: str | Path, folder: Path) -> str:
    with pytest.raises(UserError) as error:
        saved_model(str(model), str(folder))
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("source", [SMALL, TIMM, TORCHVISION], ids=["small", "timm", "torchvision"])
def test_what_is_saved_comes_back(source: ClassifierSource, tmp_path: Path) -> None:
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
    assert description(saved(tmp_path, SMALL, accuracy=0.9, robust=robust)) == {
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


def test_name_and_layer_can_be_given(tmp_path: Path) -> None:
    saved(tmp_path)
    found = saved_model("mine", str(tmp_path), name="another", layer="top")
    assert (found.name, found.layer) == ("another", "top")
    assert found.build().layers == ("top",)


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
    assert f"python -m naa_lightning.models {tmp_path}" in message


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
    assert "train.py" in message


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


@pytest.mark.parametrize("key", sorted({"library", *asdict(SMALL)} - {"weights", "models_dir", "recipe"}))
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


@pytest.mark.parametrize("length", [0, 100, 20_000])
def test_truncated_weights_are_refused_when_they_are_loaded(length: int, tmp_path: Path) -> None:
    path = saved(tmp_path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(UserError, match=rf"{re.escape(str(path))} cannot be read as tensors only: \S"):
        saved_model("mine", str(tmp_path)).build()


def test_weights_of_another_architecture_are_refused_when_they_are_loaded(tmp_path: Path) -> None:
    path = saved(tmp_path)
    redescribed(path, lambda content: content.update(architecture="residual"))
    with pytest.raises(UserError, match=rf"the weights in {re.escape(str(path))} do not fit: \d+ missing"):
        saved_model("mine", str(tmp_path)).build()


def test_a_layer_that_is_not_there_is_refused_when_it_is_built(tmp_path: Path) -> None:
    saved(tmp_path)
    with pytest.raises(UserError, match=r"mine: .*midle"):
        saved_model("mine", str(tmp_path), layer="midle").build()


@pytest.mark.parametrize(
    ("model", "data"),
    [(None, ["a", "b"]), (["a", "b", "c"], None), (None, None), (["a", "b", "c"], ("a", "b", "c"))],
)
def test_classes_agree_as_far_as_they_are_known(model: list[str] | None, data: Any) -> None:
    check_classes(replace(SMALL, classes=model), data, "folder")


@pytest.mark.parametrize(
    ("data", "difference"),
    [
        (["a", "c", "b"], "class 1 is 'b' for the model and 'c' in the data"),
        (["a", "b"], "class 2 is 'c' for the model and none in the data"),
        (["a", "b", "c", "d"], "class 3 is none for the model and 'd' in the data"),
        ([], "class 0 is 'a' for the model and none in the data"),
    ],
)
def test_classes_that_differ_are_refused(data: list[str], difference: str) -> None:
    with pytest.raises(UserError, match=rf"^mine was trained on other classes than those of folder: {difference};"):
        check_classes(replace(SMALL, classes=["a", "b", "c"]), data, "folder")


@pytest.mark.parametrize("source", [SMALL, TIMM, TORCHVISION])
def test_every_class_has_a_name_or_none(source: ClassifierSource) -> None:
    with pytest.raises(ValueError, match=rf"classes must name num_classes={source.num_classes} classes, got 2"):
        replace(source, classes=["cat", "dog"])


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
        (["surrogate.model=3"], "surrogate.model must be a valid string, got 3"),
        (["surrogate.model=mine", "+surrogate.lair=top"], "there is no option surrogate.lair; did you mean layer?"),
    ],
)
def test_mistakes_are_told_in_the_user_s_words(words: list[str], message: str, digits: Path) -> None:
    config = composed("experiment=digits", "~targets", "surrogate=trained", f"paths.models_dir={digits}", *words)
    with pytest.raises(UserError, match=message):
        compose_attack_run(config)


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


def test_a_missing_model_is_said_in_one_line() -> None:
    with pytest.raises(SystemExit) as end, one_line_errors():
        compose_attack_run(composed("experiment=digits", "surrogate=trained"))
    assert end.value.code == "error: surrogate.model must be given"
