"""Networks of one's own as surrogates and targets, from the command line."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file

from naa_lightning.exceptions import UserError
from tests.conftest import shared
from tests.experiments import adversarial_files, attack
from tests.runs.cases import digit_files, results

CODE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, width=4, answer="tensor", channels=3, batch=None):
        super().__init__()
        torch.manual_seed(0)
        self.stages = nn.ModuleList([nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, 8, 3)])
        self.head = nn.Linear(8, 10)
        self.answer, self.batch = answer, batch

    def forward(self, x):
        assert self.batch in (None, len(x)), f"asked for {len(x)}"
        for stage in self.stages:
            x = stage(x)
        logits = self.head(x.mean((2, 3)))
        return {"tensor": logits, "dict": {"logits": logits}, "tuple": (logits, None), "aux": (-logits, logits)}[
            self.answer
        ]

def build(**kwargs):
    return Net(**kwargs)

def flat():
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10))

def no_network():
    return 3

def fails():
    raise RuntimeError("out of order\\nand more")

bottleneck = Net
"""
MIM = ("attack=mim", "attack.budget.steps=2", "data.limit=5", "data.batch_size=3", "targets=[]")
FIA = ("attack=fia", "attack.objective.masks=2", *MIM[1:])


@pytest.fixture
def code(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(CODE)
    return path


def own(code: Path, name: str = "build", at: str = "surrogate", /, **options: Any) -> list[str]:
    """A surrogate, or what is called so, of a function of the code."""
    values = {
        "function": f"{code}:{name}",
        "num_classes": 10,
        "mean": "[0.5,0.5,0.5]",
        "std": "[0.5,0.5,0.5]",
    } | options
    preset = (
        [f"{at}=python"] if at == "surrogate" else [f"+surrogate@{at}=python", f"{at}.name={at.rpartition('.')[2]}"]
    )
    settings = [f"{'+' if '.' in key else ''}{at}.{key}={value}" for key, value in values.items() if value is not None]
    return [*preset, *settings]


def refusal(folder: Path, *overrides: str) -> str:
    with pytest.raises(UserError) as error:
        attack(folder, *overrides)
    assert "\n" not in str(error.value)
    assert not (folder / "adversarial").exists()
    return str(error.value)


def test_a_function_and_the_class_that_it_calls_are_the_same_surrogate(code: Path, tmp_path: Path) -> None:
    for name in ("build", "Net"):
        attack(tmp_path / name, *MIM, *own(code, name))
    assert len(adversarial_files(tmp_path / "build")) == 5
    assert adversarial_files(tmp_path / "build") == adversarial_files(tmp_path / "Net")
    assert results(tmp_path / "build")["surrogate"] == "python"


@pytest.mark.parametrize(
    "options",
    [
        {"kwargs.answer": "dict"},
        {"kwargs.answer": "tuple"},
        {"kwargs.answer": "aux", "output": 1},
        {"kwargs.batch": 2, "batch_size": 2},
        {"mean": None, "std": None, "value_range": "[-1,1]"},
    ],
    ids=str,
)
def test_what_the_network_takes_and_gives_does_not_matter(options: dict[str, Any], code: Path, tmp_path: Path) -> None:
    attack(tmp_path / "plain", *MIM, "preflight=true", *own(code))
    attack(tmp_path / "own", *MIM, "preflight=true", *own(code, **options))
    assert adversarial_files(tmp_path / "own") == adversarial_files(tmp_path / "plain")


def test_weights_of_a_file_win_over_the_codes_own(code: Path, tmp_path: Path) -> None:
    scope: dict[str, Any] = {}
    exec(CODE, scope)
    state = {name: value.flip(0) for name, value in scope["Net"](width=6).state_dict().items()}
    save_file({name: value.contiguous() for name, value in state.items()}, tmp_path / "net.safetensors")
    options = {"kwargs.width": 6, "weights": tmp_path / "net.safetensors"}
    attack(tmp_path / "flipped", *MIM, *own(code, **options))
    attack(tmp_path / "own", *MIM, *own(code, **{"kwargs.width": 6}))
    assert adversarial_files(tmp_path / "flipped") != adversarial_files(tmp_path / "own")
    message = refusal(tmp_path / "narrow", *MIM, "preflight=true", *own(code, weights=options["weights"]))
    assert "net.safetensors" in message
    assert "stages.0.weight" in message or "head" in message
    assert "there is no weights file" in refusal(
        tmp_path / "none", *MIM, *own(code, weights=tmp_path / "absent.safetensors")
    )


@pytest.mark.parametrize(
    ("name", "options", "parts"),
    [
        ("build", {"mean": None, "std": None}, ["surrogate", "mean and std must be given", "[0, 0, 0] and [1, 1, 1]"]),
        ("build", {"std": None}, ["surrogate", "std"]),
        ("absent", {}, ["there is no absent in", "surrogate.function"]),
        ("no_network", {}, ["no_network must return a torch.nn.Module, it returns int"]),
        ("fails", {}, ["fails: RuntimeError: out of order"]),
        ("build", {"kwargs.depth": 3}, ["TypeError", "depth"]),
        ("build", {"num_classes": 12}, ["gives logits of shape (3, 10)", "correct surrogate.num_classes"]),
        (
            "build",
            {"num_classes": 12, "layer": "auto"},
            ["gives logits of shape (3, 10)", "correct surrogate.num_classes"],
        ),
        (
            "build",
            {"num_classes": 9},
            ["set surrogate.first_class=1 if the first is a background class, or correct surrogate.num_classes"],
        ),
        ("build", {"gives": "probabilities"}, ["no probability", "gives=logits"]),
        ("build", {"kwargs.channels": 1}, ["channels"]),
        ("build", {"kwargs.answer": "aux", "output": 2}, ["there is no output 2; it gives 0, 1"]),
        ("build", {"kwargs.batch": 2}, ["asked for"]),
        ("build", {"batch_size": 0}, ["surrogate", "batch_size must be at least 1"]),
        ("build", {"gives": "scores"}, ["gives must be one of logits, probabilities"]),
        ("build", {"layout": "hwc"}, ["layout must be one of nchw, nhwc"]),
        ("build", {"layer": "nowhere"}, ["there is no layer 'nowhere'"]),
    ],
    ids=str,
)
def test_what_is_wrong_is_told_in_one_line_before_anything_is_crafted(
    name: str, options: dict[str, Any], parts: list[str], code: Path, tmp_path: Path
) -> None:
    message = refusal(tmp_path / "run", *MIM, "preflight=true", *own(code, name, **options))
    for part in parts:
        assert part in message


@pytest.mark.parametrize("attacking", [MIM, FIA], ids=["mim", "fia"])
def test_without_preflight_wrong_answers_are_told_as_well(
    attacking: tuple[str, ...], code: Path, tmp_path: Path
) -> None:
    wrong: list[dict[str, Any]] = [{"num_classes": 12}, {"gives": "probabilities"}, {"output": 1}]
    for number, options in enumerate(wrong):
        with pytest.raises(UserError) as error:
            attack(tmp_path / str(number), *attacking, *own(code, layer="stages.1", **options))
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("options", [{"kwargs.channels": 1}, {"kwargs.batch": 2}, {"output": 1}], ids=str)
@pytest.mark.parametrize("layer", ["auto", None])
def test_a_network_that_fails_while_its_layers_are_looked_for(
    layer: str | None, options: dict[str, Any], code: Path, tmp_path: Path
) -> None:
    message = refusal(tmp_path / "run", *FIA, *own(code, layer=layer, **options))
    assert message.startswith("python fails when asked about an image: ")


def test_layers_are_listed_with_their_shapes_where_none_is_named(code: Path, tmp_path: Path) -> None:
    message = refusal(tmp_path / "run", *FIA, *own(code))
    assert "stages.0 (4, 32, 32), stages.1 (4, 32, 32), stages.2 (8, 30, 30)" in message
    assert "give `layer`" in message or "surrogate.layer" in message
    assert "surrogate.layer=auto takes stages.1" in message


def test_auto_is_the_layer_that_the_message_names(code: Path, tmp_path: Path) -> None:
    attack(tmp_path / "auto", *FIA, *own(code, layer="auto"))
    attack(tmp_path / "named", *FIA, *own(code, layer="stages.1"))
    attack(tmp_path / "other", *FIA, *own(code, layer="stages.0"))
    assert adversarial_files(tmp_path / "auto") == adversarial_files(tmp_path / "named")
    assert adversarial_files(tmp_path / "auto") != adversarial_files(tmp_path / "other")
    attack(tmp_path / "auto", *FIA, *own(code, layer="auto"))  # and again, in its folder
    assert results(tmp_path / "auto")["cost"]["images_crafted_now"] == 0


def test_auto_is_looked_for_only_where_a_layer_is_needed(
    code: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        attack(tmp_path / "mim", *MIM, *own(code, layer="auto"))
        assert "layer=auto is" not in caplog.text
        attack(tmp_path / "fia", *FIA, *own(code, layer="auto"))
        assert "python: layer=auto is stages.1" in caplog.text


def test_a_container_that_never_runs_is_refused_with_the_nearest_that_does(code: Path, tmp_path: Path) -> None:
    message = refusal(tmp_path / "run", *FIA, "preflight=true", *own(code, layer="stages"))
    assert "stages never runs in a forward pass: the nearest that does is stages.2" in message
    assert "surrogate.layer" in message


def test_a_network_without_a_layer_to_attack(code: Path, tmp_path: Path) -> None:
    for layer in ("auto", None):
        message = refusal(tmp_path / "run", *FIA, *own(code, "flat", layer=layer))
        assert "no layer that could be attacked" in message or "none that could be attacked" in message
    attack(tmp_path / "mim", *MIM, *own(code, "flat", layer="auto"))  # which needs none


def test_as_a_target_beside_another_surrogate(code: Path, models_dir: str, tmp_path: Path) -> None:
    target = own(code, "build", "targets.mine", **{"kwargs.answer": "dict"})
    attack(tmp_path / "run", models_dir, *MIM, "preflight=true", *target)
    roles = {name: row["role"] for name, row in results(tmp_path / "run")["targets"].items()}
    assert roles == {"digits_plain": "white-box", "mine": "black-box"}


def test_two_are_attacked_as_one(code: Path, tmp_path: Path) -> None:
    members = [
        "surrogate=ensemble",
        *own(code, "build", "surrogate.members.first", layer="auto"),
        *own(code, "build", "surrogate.members.second", layer="stages.0", **{"kwargs.width": 5}),
    ]
    attack(tmp_path / "run", *FIA, *members)
    assert list(results(tmp_path / "run")["targets"]) == ["first", "second"]
    open_choice = [override for override in members if not override.endswith("layer=auto")]
    message = refusal(tmp_path / "open", *FIA, *open_choice)
    assert "surrogate.members.first.layer" in message


GREY = (
    *("surrogate=timm", "surrogate.architecture=test_resnet.r160_in1k", "surrogate.num_classes=10"),
    *("+surrogate.create_kwargs.in_chans=1", "surrogate.mean=[0.1307]", "surrogate.std=[0.3081]"),
    "surrogate.input_size=[28,28]",
)


def grey(folder: Path, *overrides: str) -> dict[str, np.ndarray[Any, Any]]:
    """The adversarial images of a run on a grey network, by name."""
    weights = f"surrogate.weights={shared('field/grey-networks/grey.safetensors')}"
    attack(folder, *GREY, weights, *overrides)
    paths = sorted((folder / "adversarial").glob("*.png"))
    return {path.name: np.asarray(Image.open(path).convert("RGB"), dtype=int) for path in paths}


@pytest.mark.parametrize(
    "overrides",
    [
        ("attack=mim",),
        ("attack=naa", "attack.objective.path_points=2", "surrogate.layer=layer2"),
        ("attack=naa", "attack.objective.path_points=2", "surrogate.layer=auto", "attack/budget=l2"),
    ],
    ids=["mim", "naa", "naa_l2"],
)
def test_a_grey_network_is_attacked_in_grey(overrides: tuple[str, ...], tmp_path: Path) -> None:
    found = grey(tmp_path / "run", *overrides, "attack.budget.steps=2", "data.limit=3", "targets=[]", "preflight=true")
    assert len(found) == 3
    for image in found.values():
        assert (image == image[..., :1]).all()


def test_grey_files_stay_grey(tmp_path: Path) -> None:
    labels = digit_files(tmp_path / "images", 3)
    clean = {}
    for index in range(3):
        path = tmp_path / f"images/{index}.png"
        single = Image.open(path).convert("L")
        single.save(path)
        clean[path.name] = np.asarray(single, dtype=int)
    lines = ["filename,label", *(f"{index}.png,{label}" for index, label in enumerate(labels))]
    (tmp_path / "images/labels.csv").write_text("\n".join(lines) + "\n")
    data = ["data=folder", f"data.root={tmp_path / 'images'}", "data.csv=labels.csv", "data.num_workers=0"]
    found = grey(tmp_path / "run", *data, "attack=mim", "attack.budget.steps=2", "targets=[]")
    assert len(found) == 3
    for name, image in found.items():
        assert (image == image[..., :1]).all()
        change = image[..., 0] - clean[name]
        assert 0 < abs(change).max() <= 32


ANSWERS: dict[str, dict[str, Any]] = {"as_dict": {}, "as_output": {}, "as_tuple": {}, "one_image": {"batch_size": 1}}


@pytest.mark.parametrize("function", ANSWERS)
def test_callables_answer_in_their_own_ways(function: str, models_dir: str, tmp_path: Path) -> None:
    path = shared("field/dict-answers/hf.py")
    options = {"name": "c", "function": f"{path}:{function}", "num_classes": 10, **ANSWERS[function]}
    target = ["+black_box@targets.c=callable", *(f"targets.c.{key}={value}" for key, value in options.items())]
    attack(tmp_path / "run", models_dir, *MIM, "preflight=true", *target)
    row = results(tmp_path / "run")["targets"]["c"]
    assert row["clean_accuracy"]["total"] == 5
    if function != "one_image":
        return
    open_choice = [override for override in target if "batch_size" not in override]
    assert "AssertionError" in refusal(tmp_path / "two", models_dir, *MIM, "preflight=true", *open_choice)


@pytest.mark.parametrize("function", ["as_dict", "as_output", "as_tuple"])
def test_networks_with_the_answers_of_callables_can_be_attacked(function: str, tmp_path: Path) -> None:
    code = f"""
import sys
sys.path.insert(0, {str(shared("field/dict-answers"))!r})
import hf
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = hf.net

    def forward(self, images):
        return hf.{function}(images)

def plain():
    return hf.net
"""
    (tmp_path / "mine.py").write_text(code)
    for name in ("Net", "plain"):
        attack(tmp_path / name, *MIM, *own(tmp_path / "mine.py", name, mean="[0,0,0]", std="[1,1,1]"))
    assert adversarial_files(tmp_path / "Net") == adversarial_files(tmp_path / "plain")


def test_an_image_option_that_contradicts_the_weights_is_told(tmp_path: Path) -> None:
    weights = f"surrogate.weights={shared('field/grey-networks/grey.safetensors')}"
    coloured = [override for override in GREY if "mean" not in override and "std" not in override]
    message = refusal(tmp_path / "run", *coloured, weights, *MIM, "preflight=true")
    assert "channels" in message


def test_images_of_several_sizes_do_not_keep_layers_from_being_found(code: Path, tmp_path: Path) -> None:
    labels = digit_files(tmp_path / "images", 3)
    with Image.open(tmp_path / "images/2.png") as image:
        image.resize((40, 36)).save(tmp_path / "images/2.png")
    lines = ["filename,label", *(f"{index}.png,{label}" for index, label in enumerate(labels))]
    (tmp_path / "images/labels.csv").write_text("\n".join(lines) + "\n")
    data = ["data=folder", f"data.root={tmp_path / 'images'}", "data.csv=labels.csv", "data.num_workers=0"]
    attack(tmp_path / "run", *FIA, *own(code, layer="auto"), *data, "data.batch_size=1")
    assert len(adversarial_files(tmp_path / "run")) == 3
