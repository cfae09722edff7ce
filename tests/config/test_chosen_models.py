"""Targets and defences are chosen by name, one or several, on the command line and in presets."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from hydra.utils import get_class

from naa_lightning.config.attack_experiment import AttackExperiment, compose_attack_run
from naa_lightning.exceptions import UserError
from naa_lightning.models.defences import Jpeg
from tests.experiments import CONF, composed, presets


def experiment(*overrides: str) -> AttackExperiment:
    return compose_attack_run(composed("experiment=digits", *overrides))


def names(*overrides: str) -> list[str]:
    return [target.name for target in experiment(*overrides).targets]


@pytest.mark.parametrize("group", ["surrogate", "black_box"])
def test_every_model_can_be_named_as_a_target(group: str) -> None:
    """But for files that surrogates are converted from: as targets these are run as they are."""
    for name in set(presets(group)) - ({"ensemble", *presets("black_box")} if group == "surrogate" else set()):
        assert yaml.safe_load((CONF / "targets" / f"{name}.yaml").read_text()) == {
            "defaults": [f"/{group}/{name}@{name}"]
        }


@pytest.mark.parametrize("name", presets("black_box"))
def test_every_option_of_a_black_box_stands_in_its_file(name: str) -> None:
    options = yaml.safe_load((CONF / "black_box" / f"{name}.yaml").read_text())
    kind = get_class(options.pop("_target_"))
    assert options.keys() == {field.name for field in fields(kind)}


@pytest.mark.parametrize("name", presets("surrogate"))
def test_where_weights_can_be_named_their_entry_can_be_too(name: str) -> None:
    options = composed(f"surrogate={name}").surrogate
    assert ("weights" in options) == ("weights_key" in options)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ("targets=digits_inception", ["digits_plain", "digits_inception"]),
        ("targets=[digits_inception,digits_residual]", ["digits_plain", "digits_inception", "digits_residual"]),
        ("targets=[digits_inception,digits]", ["digits_plain", "digits_inception", "digits_residual"]),
        ("~targets.digits_residual", ["digits_plain", "digits_inception"]),
        ("targets=[]", ["digits_plain"]),
        ("~targets", ["digits_plain"]),
    ],
)
def test_targets(chosen: str, expected: list[str]) -> None:
    assert names(chosen) == expected


def test_a_target_takes_over_the_preset_of_its_name() -> None:
    alone = composed("surrogate=vgg16", "surrogate.weights=w.pt").surrogate
    targets = composed("targets=[resnet50,vgg16]", "targets.vgg16.weights=w.pt").targets
    assert list(targets) == ["resnet50", "vgg16"]
    assert targets.vgg16 == alone


def test_a_black_box_is_called_as_it_is_among_the_targets(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def predict(images): ...\n")
    function = f"function={tmp_path}/mine.py:predict"
    assert names("targets=[callable]", f"targets.callable.{function}", "targets.callable.num_classes=10") == [
        "digits_plain",
        "callable",
    ]
    other = ["+black_box@targets.mine=callable", f"targets.mine.{function}", "targets.mine.num_classes=10"]
    assert names("targets=[]", *other) == ["digits_plain", "mine"]
    assert names("targets=[]", *other, "targets.mine.name=theirs") == ["digits_plain", "theirs"]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ("defences=[jpeg,median]", ["", "+jpeg", "+median"]),
        ("defences=[ median , jpeg ]", ["", "+median", "+jpeg"]),
        ("defences=jpeg", ["", "+jpeg"]),
        ("defences=[]", [""]),
    ],
)
def test_defences(chosen: str, expected: list[str]) -> None:
    assert names("~targets", chosen) == [f"digits_plain{defence}" for defence in expected]


def test_numbers_of_a_defence() -> None:
    jpeg = experiment("defences=[median,jpeg]", "defences.jpeg.quality=50").targets[2].defences["jpeg"]
    assert isinstance(jpeg, Jpeg)
    assert jpeg.quality == 50


@pytest.mark.parametrize("order", [["median", "jpeg"], ["jpeg", "median"]])
def test_a_target_meets_its_own_defences_in_their_order(order: list[str]) -> None:
    chain = f"+defences@targets.digits_residual.defences=[{','.join(order)}]"
    assert names("targets=digits_residual", chain) == ["digits_plain", f"digits_residual+{'+'.join(order)}"]


def test_a_preset_names_targets_and_defences(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(
        "# @package _global_\n"
        "defaults:\n"
        "  - override /surrogate: digits_plain\n"
        "  - override /targets: [digits_inception, digits_residual]\n"
        "  - override /defences: [jpeg]\n"
        "defences:\n  jpeg:\n    quality: 50\n"
    )
    search = f"hydra.searchpath=[file://{tmp_path}]"
    found = compose_attack_run(composed(search, "experiment=mine"))
    undefended = ["digits_plain", "digits_inception", "digits_residual"]
    assert [target.name for target in found.targets] == [name + end for name in undefended for end in ("", "+jpeg")]
    assert vars(found.targets[1].defences["jpeg"])["quality"] == 50
    other = compose_attack_run(composed(search, "experiment=mine", "~defences.jpeg", "targets=digits"))
    assert [target.name for target in other.targets] == ["digits_plain", "digits_residual", "digits_inception"]


def test_defences_that_are_no_parts_by_name() -> None:
    with pytest.raises(UserError, match=re.escape("defences.jpeg must be a valid dictionary, got 3")):
        experiment("+defences.jpeg=3")
