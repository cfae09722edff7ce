"""Several surrogates, and several layers of one."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from naa_lightning.attacks import (
    Ascent,
    Attack,
    Budget,
    CrossEntropy,
    FeatureDisruption,
    FeatureImportance,
    Momentum,
    NeuronAttribution,
    Objective,
    PerturbationDecay,
    RepresentationDistortion,
)
from naa_lightning.models import Classifier, Ensemble
from naa_lightning.rng import SeededDraws
from tests.conftest import GoldenNetwork

LABELS = torch.tensor([0, 3])
DRAWS = SeededDraws(0, [0, 1])
FEATURE_LEVEL: list[Objective] = [
    FeatureImportance(masks=3),
    NeuronAttribution(path_points=3),
    NeuronAttribution(path_points=3, gamma=0.5),
    FeatureDisruption(),
    RepresentationDistortion(),
    PerturbationDecay(),
]


def member(seed: int, layer: str | list[str] = "middle") -> Classifier:
    torch.manual_seed(seed)
    return Classifier(GoldenNetwork(), mean=[0.5] * 3, std=[0.5] * 3, layer=layer).double()


@pytest.fixture
def images() -> Tensor:
    return torch.rand(2, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def gradient(objective: Objective, surrogate: Classifier | Ensemble, images: Tensor) -> Tensor:
    """At a place off the clean images, where every objective has one."""
    attack = Attack(objective=objective, update=Momentum(), budget=Budget())
    return Ascent(attack, surrogate, images, LABELS, DRAWS).gradient_at((images + 0.03).clamp(0, 1))


def test_the_logits_of_members_are_averaged(images: Tensor) -> None:
    members = [member(0), member(1), member(2)]
    point = (images + 0.03).clamp(0, 1).requires_grad_()
    loss = F.cross_entropy(sum(one(point) for one in members) / 3, LABELS, reduction="sum")
    expected = torch.autograd.grad(loss, point)[0]
    torch.testing.assert_close(gradient(CrossEntropy(), Ensemble(members, "logits"), images), expected)


def test_the_losses_of_members_are_averaged(images: Tensor) -> None:
    members = [member(0), member(1), member(2)]
    expected = sum(gradient(CrossEntropy(), one, images) for one in members) / 3
    ours = gradient(CrossEntropy(), Ensemble(members, "losses"), images)
    torch.testing.assert_close(ours, expected)
    assert not torch.allclose(ours, gradient(CrossEntropy(), Ensemble(members, "logits"), images))


@pytest.mark.parametrize("objective", FEATURE_LEVEL)
@pytest.mark.parametrize("combine", ["logits", "losses"])
def test_feature_level_objectives_use_every_members_own_layer(
    objective: Objective, combine: Any, images: Tensor
) -> None:
    members = [member(0, "middle"), member(1, "conv1")]
    expected = sum(gradient(objective, one, images) for one in members) / 2
    torch.testing.assert_close(gradient(objective, Ensemble(members, combine), images), expected)


@pytest.mark.parametrize("objective", FEATURE_LEVEL)
def test_several_layers_are_averaged(objective: Objective, images: Tensor) -> None:
    expected = (gradient(objective, member(0, "middle"), images) + gradient(objective, member(0, "conv3"), images)) / 2
    torch.testing.assert_close(gradient(objective, member(0, ["middle", "conv3"]), images), expected)


def test_layers_of_members_count_one_by_one(images: Tensor) -> None:
    ensemble = Ensemble([member(0, ["conv1", "middle"]), member(1, "conv3")])
    assert [view.layers for view in ensemble.layer_views()] == [("conv1",), ("middle",), ("conv3",)]
    attack = Attack(objective=NeuronAttribution(path_points=4), update=Momentum(), budget=Budget(steps=2))
    crafted = attack.craft(ensemble, images, LABELS, DRAWS)
    assert crafted.gradient_evaluations == 3 * (4 + 2)
    shapes = [gradient.shape for _, gradient in crafted.path_gradients]
    assert shapes == [(2, 8, 8, 8), (2, 16, 4, 4), (2, 16, 4, 4)]


def test_an_objective_of_logits_sees_a_surrogate_of_several_layers_once(images: Tensor) -> None:
    attack = Attack(objective=CrossEntropy(), update=Momentum(), budget=Budget(steps=2))
    several = attack.craft(member(0, ["conv1", "middle"]), images, LABELS, DRAWS)
    assert several.gradient_evaluations == 2
    assert torch.equal(several.images, attack(member(0), images, LABELS, DRAWS))


def test_a_gradient_through_mean_logits_counts_once_for_each_member(images: Tensor) -> None:
    for combine in ("logits", "losses"):
        attack = Attack(objective=CrossEntropy(), update=Momentum(), budget=Budget(steps=2))
        ensemble = Ensemble([member(0), member(1), member(2)], combine)
        assert attack.craft(ensemble, images, LABELS, DRAWS).gradient_evaluations == 3 * 2


def test_an_ensemble_of_one_is_that_one(images: Tensor) -> None:
    for objective in (CrossEntropy(), NeuronAttribution(path_points=3)):
        attack = Attack(objective=objective, update=Momentum(), budget=Budget(steps=3))
        alone = attack(member(0), images, LABELS, DRAWS)
        assert torch.equal(attack(Ensemble([member(0)]), images, LABELS, DRAWS), alone)


def test_members_are_left_as_they_were(images: Tensor) -> None:
    members = [member(0), member(1, ["conv1", "middle"])]
    members[1].train()
    members[0].eval()
    attack = Attack(objective=NeuronAttribution(path_points=2), update=Momentum(), budget=Budget(steps=1))
    attack(Ensemble(members), images, LABELS, DRAWS)
    assert [one.network.training for one in members] == [False, True]
    assert all(parameter.requires_grad and parameter.grad is None for one in members for parameter in one.parameters())


def test_ensembles_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="an ensemble needs at least one member"):
        Ensemble([])
    with pytest.raises(ValueError, match="combine must be logits or losses, got 'votes'"):
        Ensemble([member(0)], "votes")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="there is no layer 'midle'"):
        member(0, ["conv1", "midle"])
