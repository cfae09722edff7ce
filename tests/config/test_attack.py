"""An attack is as configured, and its mistakes are told."""

import re

import pytest

from naa_lightning.attacks import NeuronAttribution
from naa_lightning.attribution import Path as IntegrationPath
from naa_lightning.config.attack import compose_attack
from naa_lightning.exceptions import UserError
from tests.experiments import attack_run


def test_published_numbers_of_naa() -> None:
    attack = compose_attack(attack_run().attack)
    assert (attack.budget.eps, attack.budget.steps) == (16 / 255, 10)
    assert attack.budget.step_size == pytest.approx(1.6 / 255, rel=1e-12)
    path = {"path_points": 30, "rule": "release", "noise": 0.1, "antithetic": False}
    weights = {"balance": 0.0, "gamma": 1.0, "positive": "identity", "negative": "identity"}
    assert attack.objective.settings() == path | weights
    assert attack.update.settings() == {"decay": 1.0}


def test_naa_fast_takes_a_third_of_the_gradients() -> None:
    fast, naa = (attack_run(f"attack={name}").attack.gradient_evaluations for name in ("naa_fast", "naa"))
    assert 3 * fast <= naa


def test_naas_path_is_the_users() -> None:
    numbers = {"path_points": "8", "rule": "gauss_legendre", "noise": "0.2", "antithetic": "true"}
    objective = compose_attack(
        attack_run(*(f"attack.objective.{key}={value}" for key, value in numbers.items())).attack
    ).objective
    expected = IntegrationPath(rule="gauss_legendre", points=8, noise=0.2, antithetic=True)
    assert isinstance(objective, NeuronAttribution)
    assert objective.path == expected


def test_eps_is_accepted_as_papers_write_it() -> None:
    assert compose_attack(attack_run("attack.budget.eps=8/255").attack).budget.eps == 8 / 255


def test_parts_of_attacks_are_recombined() -> None:
    overrides = ["attack/objective=fia", "attack/transforms=[diverse_input,scale_invariant]", "attack/budget=l2"]
    attack = compose_attack(attack_run("attack=naa", *overrides, "attack/smoothing=translation_invariant").attack)
    parts = [attack.objective, *attack.transforms, attack.smoothing, attack.update]
    names = ["FeatureImportance", "DiverseInput", "ScaleInvariant", "TranslationInvariant", "Momentum"]
    assert [type(part).__name__ for part in parts] == names
    assert attack.budget.norm == "l2"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("attack.budget.eps=-1", "attack.budget: eps must be between 0 and 1 (for example 16/255), got -1"),
        ("attack.budget.eps=lots", "attack.budget: eps must be a number or a fraction such as 16/255, got 'lots'"),
        ("attack.budget.steps=0", "attack.budget: steps must be at least 1, got 0"),
        ("+attack.budget.epss=1", "there is no option attack.budget.epss; did you mean eps?"),
        ("+attack.objective.gama=1", "there is no option attack.objective.gama; did you mean gamma?"),
        ("attack.objective.gamma=-1", "attack.objective: gamma must be at least 0, got -1"),
        ("attack.objective.path_points=many", "attack.objective.path_points must be a valid integer"),
        ("attack.objective.rule=simpson", "attack.objective: rule must be one of release, left, right, midpoint"),
        (
            "attack.objective.rule=trapezoid attack.objective.path_points=1",
            "attack.objective: the rule trapezoid needs at least 2 points, got 1",
        ),
        ("attack.objective.antithetic=sometimes", "attack.objective.antithetic must be a valid boolean"),
        ("attack.update_rule.decay=null", "attack.update_rule.decay must be a valid number, got None"),
        ("~attack.update_rule._target_", "attack.update_rule must name what it builds in attack.update_rule._target_"),
        (
            "attack.targeted=true attack/objective=fda",
            "attack: FeatureDisruption cannot be targeted: it swaps strong and",
        ),
        (
            "attack/budget=l2 attack/update_rule=nesterov",
            "attack: Nesterov works with budgets of the norm linf, got l2",
        ),
        ("attack.budget.norm=l1", "attack.budget: norm must be one of linf, l2, got 'l1'"),
        ("attack.budget.random_start=2", "attack.budget: random_start must be between 0 and 1"),
        ("attack.objective.positive=cube", "attack.objective: positive must be one of identity, log, exponential"),
        (
            "attack.update_rule._target_=naa_lightning.attacks.Sign ~attack.update_rule.decay attack/objective=fda "
            "attack.objective._target_=naa_lightning.attacks.Sign",
            "attack.objective._target_ must build Objective, which naa_lightning.attacks.Sign does not",
        ),
        (
            "attack.update_rule._target_=naa_lightning.attacks.Momentun",
            "names naa_lightning.attacks.Momentun, which does not",
        ),
    ],
)
def test_mistakes_in_the_attack(override: str, message: str) -> None:
    run = attack_run(*override.split())
    with pytest.raises(UserError, match=re.escape(message)):
        compose_attack(run.attack)
