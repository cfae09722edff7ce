"""Mistakes in what is no part's are told in the user's words."""

import re
from typing import Any

import pytest
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.callbacks import Timer

from naa_lightning.config.building import build, build_part
from naa_lightning.exceptions import UserError
from naa_lightning.models.python_model import PythonModel
from tests.experiments import attack_run


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("+attack.budgets.eps=1", "there is no option attack.budgets; did you mean budget?"),
        ("+sead=1", "there is no option sead; did you mean seed?"),
        ("seed=-1", "seed must be at least 0, got -1"),
        ("seed=abc", "seed must be a valid integer, got 'abc'"),
        ("report.first_images=-1", "report.first_images must be at least 0, got -1"),
        ("+report.first_image=3", "there is no option report.first_image; did you mean first_images?"),
        ("+report.x=3", "there is no option report.x; there are first_images"),
        ("~attack.budget", "attack.budget must be given"),
        ("extras.print_config=often", "extras.print_config must be a valid boolean"),
        ("surrogate.weights=", "surrogate.weights is empty: leave it out, give a value, or surrogate.weights=null"),
    ],
)
def test_mistakes_in_the_run(override: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        attack_run(override)


def test_values_that_a_part_of_another_package_refuses() -> None:
    node = {"_target_": "pytorch_lightning.Trainer", "accelerator": "abacus"}
    with pytest.raises(UserError, match=r"^trainer: .*abacus"):
        build_part(Trainer, node, "trainer")


@pytest.mark.parametrize("words", ["it is lost", ""])
def test_a_part_of_another_package_that_fails_is_told_by_what_it_says_itself(
    words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError(words) from KeyError("what was behind it")

    monkeypatch.setattr(Timer, "__init__", fail)
    with pytest.raises(UserError, match=f"^callbacks.timer: {words or 'AssertionError'}$"):
        build_part(Callback, {"_target_": "pytorch_lightning.callbacks.Timer"}, "callbacks.timer")


def test_build_takes_values_of_the_right_type_as_they_are() -> None:
    def part(*, sizes: list[int], name: str | None = None) -> tuple[list[int], str | None]:
        return sizes, name

    assert build(part, {"sizes": [1, 2]}, "part") == ([1, 2], None)
    with pytest.raises(UserError, match=r"part\.sizes\.1 must be a valid integer"):
        build(part, {"sizes": [1, "x"]}, "part")


@pytest.mark.parametrize(("written", "layer"), [(3, "3"), ("3", "3"), ([3, "head"], ["3", "head"])])
def test_layers_whose_names_are_digits_need_no_quotes(written: Any, layer: str | list[str]) -> None:
    node = {"name": "mine", "num_classes": 10, "function": "mine:build", "mean": [0.5] * 3, "std": [0.5] * 3}
    assert build(PythonModel, {**node, "layer": written}, "surrogate").layer == layer
