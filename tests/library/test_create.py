"""Attacks by name: the YAML's numbers, options by name, and what is refused."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import naa_lightning.attacks
from naa_lightning.attacks import Attack, Budget, Momentum, NeuronAttribution, ScaleInvariant, SeededDraws
from naa_lightning.config.attack import compose_attack
from naa_lightning.library.create import create, list_attacks
from naa_lightning.models import Classifier
from tests.attacks.test_every_attack import configured
from tests.experiments import attack_run, presets

attacks = pytest.mark.parametrize("name", presets("attack"))


def test_every_attack_is_listed() -> None:
    assert list_attacks() == presets("attack")


@attacks
def test_an_attack_has_the_numbers_of_its_file(name: str) -> None:
    assert create(name) == compose_attack(configured(name))


@attacks
def test_what_an_attack_shows_makes_an_equal_one(name: str) -> None:
    attack = create(name, eps="4/255")
    again = eval(repr(attack), vars(naa_lightning.attacks).copy())  # the promise is that it can be evaluated
    assert again == attack
    assert again is not attack
    assert hash(again) == hash(attack)


def test_the_published_numbers_are_shown_as_papers_write_them() -> None:
    shown = repr(create("dim"))
    assert "eps='16/255', steps=10, " in shown
    assert "DiverseInput(probability=0.7, enlargement='331/299')" in shown
    assert "eps='8/255', steps=100, step_size='1/255', norm='linf'" in repr(create("ilpd_paper"))


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("naa_pd", {"eps": "8/255", "steps": 5}, ["attack.budget.eps=8/255", "attack.budget.steps=5"]),
        ("naa", {"gamma": 0, "path_points": 7}, ["attack.objective.gamma=0", "attack.objective.path_points=7"]),
        ("pim", {"decay": 0.5}, ["attack.update_rule.decay=0.5"]),
        ("dim", {"probability": 0.3, "targeted": True}, ["attack.transforms.diverse_input.probability=0.3"]),
        ("tim", {"kernel": 5}, ["attack.smoothing.kernel=5"]),
        ("fgsm", {"norm": "l2"}, ["attack/budget=l2"]),
        ("mim", {"norm": "l2", "eps": 3.0}, ["attack/budget=l2", "attack.budget.eps=3.0"]),
        ("rpa", {"patches": [1, 2]}, ["attack.objective.patches=[1,2]"]),
        ("mim", {"step_size": None, "random_start": "1/255"}, ["attack.budget.random_start=1/255"]),
    ],
)
def test_an_option_is_that_of_the_command_line(name: str, options: dict[str, Any], words: list[str]) -> None:
    words = [*words, "attack.targeted=true"] if options.get("targeted") else words
    assert create(name, **options) == compose_attack(attack_run(f"attack={name}", *words).attack)


def test_whole_parts_take_the_place_of_the_attacks_own() -> None:
    objective, update = NeuronAttribution(gamma=0.5), Momentum(decay=0.9)
    attack = create("dim", objective=objective, update=update, transforms=[ScaleInvariant(copies=2)], eps=0.1)
    assert attack == Attack(
        objective=objective, update=update, transforms=[ScaleInvariant(copies=2)], budget=Budget(eps=0.1)
    )
    assert create("tim", smoothing=None).smoothing is None
    assert create("mim", budget=Budget(eps=0.2)).budget.eps == 0.2


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("nna", {}, "^there is no attack 'nna': did you mean naa"),
        ("x", {}, "^there is no attack 'x': there are admix, bfa, .*vmim$"),
        (None, {}, "^there is no attack None: there are admix"),
        ("mim", {"norm": ["l2"]}, r"^norm must be str, got \['l2'\]$"),
        ("mim", {"epsilon": 0.1}, r"^mim has no option 'epsilon': did you mean eps\?$"),
        ("mim", {"gamma": 1}, "^mim has no option 'gamma': .*decay"),
        ("mim", {"budget": Budget(), "eps": 0.1}, "^mim has no option 'eps': "),
        ("admix", {"copies": 2}, r"^copies is an option of Admix and of ScaleInvariant: give .*transforms=\[Admix\("),
        ("mim", {"eps": -1}, "^eps must be between 0 and 1"),
        ("mim", {"eps": "x"}, "^eps must be a number or a fraction"),
        ("mim", {"steps": "10"}, "^steps must be int, got '10'$"),
        ("mim", {"steps": 2.5}, r"^steps must be int, got 2\.5$"),
        ("mim", {"steps": True}, "^steps must be int, got True$"),
        ("dim", {"probability": "x"}, "^probability must be float, got 'x'$"),
        ("dim", {"probability": None}, "^probability must be float, got None$"),
        ("rpa", {"patches": 3}, "^patches must be Sequence, got 3$"),
        ("mim", {"norm": "l1"}, "^norm must be one of linf, l2, got 'l1'$"),
        ("pim", {"norm": "l2"}, "^PatchWise works with budgets of the norm linf, got l2$"),
        ("mim", {"objective": Momentum()}, "^expected a part of the class Objective, got Momentum$"),
        ("nrdm", {"targeted": True}, "^RepresentationDistortion cannot be targeted"),
    ],
)
def test_what_cannot_be_is_refused(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        create(name, **options)
    assert "\n" not in str(error.value)


@attacks
def test_no_draws_are_those_of_seed_0(name: str) -> None:
    """On a plain network, whose images may be a list of half precision; a batch mixes with itself."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    surrogate = Classifier(network, mean=[0.5] * 3, std=[0.5] * 3, layer="1")
    images = torch.rand(2, 3, 8, 8).half()
    attack = create(name, steps=2)
    adversarial = attack(surrogate, list(images), [0, 3])
    draws = SeededDraws(0, [0, 1], list(images.float()))
    assert torch.equal(adversarial, attack(surrogate, images.float(), torch.tensor([0, 3]), draws))
    assert adversarial.dtype == torch.float32


def test_numbers_of_numpy_are_numbers() -> None:
    assert create("mim", steps=np.int64(5), eps=np.float64(0.1)) == create("mim", steps=5, eps=0.1)
