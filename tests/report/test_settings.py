"""What else was swept."""

from typing import Any

import pytest

from naa_lightning.report.settings import settings


def config(**attack: Any) -> dict[str, Any]:
    return {
        "task_name": "attack",
        "seed": 1,
        "attack": {"name": "naa", "objective": {"_target_": "naa_lightning.attacks.A", "gamma": 1.0}} | attack,
        "targets": {"vgg16": {"layer": "a"}},
    }


def test_one_option_is_called_by_its_last_part() -> None:
    configs = [config(objective={"gamma": gamma, "power": 1}) for gamma in (0, 0.25, 0.25)]
    assert settings(configs) == ["gamma=0", "gamma=0.25", "gamma=0.25"]


def test_several_options_are_named_together() -> None:
    pairs = [("tanh", "log"), ("tanh", "square"), ("log", "log")]
    configs = [config(objective={"positive": positive, "negative": negative}) for positive, negative in pairs]
    assert settings(configs)[:2] == ["positive=tanh, negative=log", "positive=tanh, negative=square"]


def test_names_are_as_long_as_they_must_be() -> None:
    configs = [config(budget={"steps": steps}, objective={"steps": 2 * steps}) for steps in (1, 2)]
    assert settings(configs) == ["objective.steps=2, budget.steps=1", "objective.steps=4, budget.steps=2"]


@pytest.mark.parametrize("key", ["seed", "tags", "paths", "extras", "logger", "callbacks", "trainer", "report"])
def test_what_changes_no_image_is_no_setting(key: str) -> None:
    assert settings([config() | {key: {"a": 1}}, config() | {key: {"a": 2}}]) == ["", ""]


def test_a_description_and_a_place_are_no_setting() -> None:
    one = config(paper="a", year=1, gradient_evaluations=10) | {"surrogate": {"models_dir": "a"}}
    other = config(paper="b", year=2, gradient_evaluations=20) | {"surrogate": {"models_dir": "b"}}
    assert settings([one, other]) == ["", ""]


def test_parts_are_called_by_what_they_build_and_their_own_options_follow() -> None:
    smoothing = {"_target_": "naa_lightning.attacks.TranslationInvariant", "size": 7}
    assert settings([config(smoothing=None), config(smoothing=smoothing)]) == [
        "smoothing=null",
        "smoothing=TranslationInvariant",
    ]
    others = [config(smoothing=smoothing), config(smoothing=smoothing | {"size": 15}), config(smoothing=None)]
    assert settings(others) == [
        "smoothing=TranslationInvariant, size=7",
        "smoothing=TranslationInvariant, size=15",
        "smoothing=null",
    ]


def test_what_builds_alike_is_told_apart_by_its_whole_name() -> None:
    parts = [f"naa_lightning.{part}.Same" for part in ("one", "other")]
    found = settings([config(update={"_target_": part}) for part in parts])
    assert found == [f"update={part}" for part in parts]


def test_targets_and_defences_are_named_not_spelt_out() -> None:
    more = config() | {"targets": {"vgg16": {"layer": "a"}, "resnet50": {"layer": "b", "weights": "w"}}}
    assert settings([config(), more]) == ["targets=vgg16", "targets=vgg16+resnet50"]
    defended = config() | {"defences": {"jpeg": {"quality": 75}}}
    assert settings([config() | {"defences": {}}, defended]) == ["defences=null", "defences=jpeg"]


def test_one_run_and_none_have_no_setting() -> None:
    assert settings([config()]) == [""]
    assert settings([]) == []


def test_numbers_that_look_alike_are_told_apart() -> None:
    first, second = settings([config(budget={"eps": eps}) for eps in (0.1 + 0.2, 0.3)])
    assert first != second
