"""Budgets that mean something else than they say are refused or told at the start."""

import logging
from pathlib import Path

import pytest

from naa_lightning.config.attack_experiment import AttackExperiment, compose_attack_run
from naa_lightning.exceptions import UserError
from tests.experiments import attack_run, composed


def composes(*overrides: str) -> AttackExperiment:
    return compose_attack_run(composed("experiment=digits", *overrides))


@pytest.mark.parametrize(
    "overrides",
    [
        ["attack.budget.eps=0.5/255"],
        ["attack.budget.eps=0"],
        ["attack.budget.eps=0.0039"],
        ["attack/budget=l2", "attack.budget.eps=0.0039"],
    ],
)
def test_a_budget_that_changes_no_file_is_refused(overrides: list[str]) -> None:
    eps = overrides[-1]
    with pytest.raises(UserError, match=f"{eps} changes no image: images are saved with 8 bits"):
        composes(*overrides)


def test_images_that_are_there_may_be_held_to_no_change(tmp_path: Path) -> None:
    experiment = composes("craft=false", f"adversarial_dir={tmp_path}", "attack.budget.eps=0")
    assert experiment.attack.budget.eps == 0


@pytest.mark.parametrize(("eps", "levels"), [("1.5/255", 1), ("0.031", 7), ("15.99/255", 15)])
def test_what_a_budget_acts_as_is_said(eps: str, levels: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        composes(f"attack.budget.eps={eps}")
    (said,) = caplog.messages
    assert said.startswith(f"attack.budget.eps={eps} acts as {levels}/255")


@pytest.mark.parametrize("budget", [["attack.budget.eps=1/255"], ["attack.budget.eps=0.2"], ["attack/budget=l2"]])
def test_of_whole_levels_nothing_is_said(budget: list[str], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        composes(*budget)
    assert caplog.messages == []


@pytest.mark.parametrize("attack", ["mim", "naa_fast", "ilpd_paper"])
def test_a_norm_alone_is_asked_for_its_eps(attack: str) -> None:
    with pytest.raises(UserError, match=r"meant for L-infinity: give attack/budget=l2, whose eps is 5\.0"):
        attack_run(f"attack={attack}", "attack.budget.norm=l2")
    assert attack_run(f"attack={attack}", "attack.budget.norm=l2", "attack.budget.eps=0.5").attack.budget["eps"] == 0.5
    fraction = attack_run(f"attack={attack}", "attack.budget.norm=l2", "attack.budget.eps=16/255").attack
    assert fraction.budget["eps"] == "16/255"


def test_the_eps_that_is_named_is_that_of_the_budget() -> None:
    assert attack_run("attack=mim", "attack/budget=l2").attack.budget["eps"] == 5.0
    assert attack_run("attack=mim").attack.budget["eps"] == "16/255"


@pytest.mark.parametrize(("eps", "refused"), [("", True), ("    eps: 128/255\n", False)])
def test_a_norm_in_a_file_of_presets(tmp_path: Path, eps: str, refused: bool) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(f"# @package _global_\nattack:\n  budget:\n    norm: l2\n{eps}")
    overrides = [f"hydra.searchpath=[file://{tmp_path}]", "experiment=mine"]
    if refused:
        with pytest.raises(UserError, match="meant for L-infinity"):
            attack_run(*overrides)
    else:
        assert attack_run(*overrides).attack.budget["eps"] == "128/255"
