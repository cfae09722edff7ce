"""No random number is used twice in an attack, whatever draws it."""

from collections import Counter
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

import naa_lightning.attacks
from naa_lightning.attacks import (
    Attack,
    Budget,
    CrossEntropy,
    Draws,
    Momentum,
    Objective,
    PerturbationDecay,
    ScaleInvariant,
    SeededDraws,
    Transform,
    Update,
)
from naa_lightning.models import Classifier

STEPS = 3
PARTS = [part for part in vars(naa_lightning.attacks).values() if isinstance(part, type)]
TRANSFORMS = [part for part in PARTS if issubclass(part, Transform) and part is not Transform]
UPDATES = [part for part in PARTS if issubclass(part, Update) and part is not Update]


@dataclass
class RememberedDraws:
    """Counts what is asked for; the same question has the same answer."""

    draws: Draws
    asked: Counter[tuple[str, int]] = field(default_factory=Counter)

    def normal(self, purpose: str, index: int, like: Tensor) -> Tensor:
        self.asked[purpose, index] += 1
        return self.draws.normal(purpose, index, like)

    def uniform(self, purpose: str, index: int, like: Tensor) -> Tensor:
        self.asked[purpose, index] += 1
        return self.draws.uniform(purpose, index, like)

    def other_images(self, purpose: str, index: int, like: Tensor) -> Tensor:
        self.asked[purpose, index] += 1
        return self.draws.other_images(purpose, index, like)


def asked_by(
    surrogate: Classifier, *, update: Update, transforms: list[Transform], objective: Objective
) -> Counter[tuple[str, int]]:
    images = torch.rand(1, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    draws = RememberedDraws(SeededDraws(0, [0], [images[0]]))
    budget = Budget(steps=STEPS, random_start="1/255")
    attack = Attack(objective=objective, update=update, budget=budget, transforms=transforms)
    attack(surrogate, images, torch.tensor([3]), draws)
    return draws.asked


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_every_view_draws_fresh_numbers(transform: type[Transform], update: type[Update], tiny: Classifier) -> None:
    seen, rule = transform(), update()
    seen.copies = min(seen.copies, 2)
    if hasattr(rule, "neighbours"):
        rule.neighbours = 2
    asked = asked_by(tiny, update=rule, transforms=[seen], objective=CrossEntropy())
    assert set(asked.values()) == {1}, asked.most_common(3)
    if transform is not ScaleInvariant:
        views = STEPS * seen.copies * (3 if hasattr(rule, "neighbours") else 1)
        assert len([1 for purpose, _ in asked if not purpose.startswith(("start", "vmi"))]) % views == 0
        assert len(asked) > views


def test_an_objective_draws_fresh_numbers_in_every_step(tiny: Classifier) -> None:
    asked = asked_by(tiny, update=Momentum(), transforms=[], objective=PerturbationDecay())
    assert asked == {("start", 0): 1, **{("ilpd/noise", step): 1 for step in range(STEPS)}}
