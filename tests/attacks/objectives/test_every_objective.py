import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from naa_lightning.attacks import (
    Attack,
    AttackContext,
    BlackBoxFeature,
    Budget,
    CrossEntropy,
    DoubleAdversarialAttribution,
    FeatureDisruption,
    FeatureImportance,
    Momentum,
    NeuronAttribution,
    Objective,
    PerturbationDecay,
    RandomPatch,
    RepresentationDistortion,
    ScaleInvariant,
    SeededDraws,
)
from naa_lightning.models import Classifier
from tests.attacks.objectives.written_out import (
    DRAWS,
    LABELS,
    Views,
    prepare,
)
from tests.conftest import showing

ATTRIBUTING: dict[str, Objective] = {
    "naa": NeuronAttribution(path_points=4),
    "fia": FeatureImportance(masks=4),
    "rpa": RandomPatch(masks=4),
    "danaa": DoubleAdversarialAttribution(path_points=4),
    "bfa": BlackBoxFeature(fits=4),
}
UNTARGETABLE: list[Objective] = [
    RepresentationDistortion(),
    FeatureDisruption(),
    DoubleAdversarialAttribution(),
    BlackBoxFeature(),
]


@pytest.mark.parametrize("name", ATTRIBUTING)
def test_weights_come_from_passes_of_their_own(name: str, tiny: Classifier, images: Tensor) -> None:
    """Their numbers are below 0, so that transforms draw otherwise than in the steps; no number comes twice."""
    views = Views()
    prepared = prepare(ATTRIBUTING[name], tiny, images, views)
    assert sorted(views.seen) == list(range(-prepared.gradient_evaluations, 0))


@pytest.mark.parametrize("name", ATTRIBUTING)
def test_weights_are_found_on_what_the_surrogate_sees(name: str, tiny: Classifier, images: Tensor) -> None:
    def grey(seen: Tensor, number: int) -> Tensor:
        return 0.2 * seen + 0.4

    prepared, plain = (
        ATTRIBUTING[name].prepare(AttackContext(tiny, images, LABELS, DRAWS, grey)),
        prepare(ATTRIBUTING[name], tiny, images),
    )
    assert not torch.isclose(prepared.score(images, showing(images)), plain.score(images, showing(images))).any()


@pytest.mark.parametrize("name", ATTRIBUTING)
def test_weights_belong_to_the_image(name: str, tiny: Classifier, images: Tensor) -> None:
    together = prepare(ATTRIBUTING[name], tiny, images).score(images, showing(images))
    for i in range(3):
        alone = images[i : i + 1]
        context = AttackContext(tiny, alone, LABELS[i : i + 1], SeededDraws(0, [i]), Views())
        torch.testing.assert_close(ATTRIBUTING[name].prepare(context).score(alone, showing(alone)), together[i : i + 1])


@pytest.mark.parametrize("objective", UNTARGETABLE, ids=lambda objective: type(objective).__name__)
def test_objectives_without_a_class_cannot_be_targeted(objective: Objective) -> None:
    name, reason = type(objective).__name__, objective.untargetable
    assert reason
    with pytest.raises(ValueError, match=f"^{name} cannot be targeted: {reason}$"):
        Attack(objective=objective, update=Momentum(), budget=Budget(), targeted=True)


@pytest.mark.parametrize("scales", [1, 2])
def test_targeted_cross_entropy_decreases_the_targets_loss(scales: int, tiny: Classifier, images: Tensor) -> None:
    def loss(seen: Tensor) -> Tensor:
        losses: Tensor = -tiny(seen).log_softmax(1)[range(3), LABELS]
        return losses

    for targeted, sign in ((False, 1), (True, -1)):
        attack = Attack(
            objective=CrossEntropy(),
            update=Momentum(),
            budget=Budget(eps=0.05, steps=5),
            transforms=[ScaleInvariant(copies=scales)],
            targeted=targeted,
        )
        crafted = attack(tiny, images, LABELS, DRAWS)
        assert (sign * (loss(crafted) - loss(images)) > 1e-4).all()


@pytest.mark.parametrize(
    "objective",
    [NeuronAttribution(), FeatureImportance(), RandomPatch()],
    ids=lambda objective: type(objective).__name__,
)
def test_targeted_feature_objectives_raise_the_weighted_features(
    objective: Objective, tiny: Classifier, images: Tensor
) -> None:
    prepared = prepare(objective, tiny, images)
    attack = Attack(objective=objective, update=Momentum(), budget=Budget(eps=0.05, steps=5), targeted=True)
    crafted = attack(tiny, images, LABELS, DRAWS)
    assert (prepared.score(crafted, showing(images)) < prepared.score(images, showing(images))).all()


@pytest.mark.parametrize(
    ("make", "key", "value", "message"),
    [
        (RepresentationDistortion, "start_noise", 0, "start_noise must be positive, got 0"),
        (RepresentationDistortion, "start_noise", "-1/255", "start_noise must be positive, got -1/255"),
        (RepresentationDistortion, "start_noise", math.nan, "start_noise must be positive, got nan"),
        (RepresentationDistortion, "start_noise", "a", "start_noise must be a number or a fraction such as 16/255"),
        (FeatureImportance, "masks", 0, "masks must be at least 1, got 0"),
        (FeatureImportance, "keep", 0.0, r"keep must be in \(0, 1\], got 0\.0"),
        (FeatureImportance, "keep", 1.1, r"keep must be in \(0, 1\], got 1\.1"),
        (FeatureImportance, "keep", math.nan, r"keep must be in \(0, 1\], got nan"),
        (RandomPatch, "masks", 0, "masks must be at least 1, got 0"),
        (RandomPatch, "keep", -0.1, r"keep must be in \(0, 1\], got -0\.1"),
        (RandomPatch, "patches", [], r"patches must hold sides of at least 1 pixel, got \[\]"),
        (RandomPatch, "patches", [3, 0], r"patches must hold sides of at least 1 pixel, got \[3, 0\]"),
        (NeuronAttribution, "path_points", 0, "path_points must be at least 1, got 0"),
        (NeuronAttribution, "noise", -0.1, r"noise must be at least 0, got -0\.1"),
        (NeuronAttribution, "gamma", math.inf, "gamma must be at least 0, got inf"),
        (NeuronAttribution, "positive", "cube", "positive must be one of identity, log, .*, got 'cube'"),
        (NeuronAttribution, "negative", "", "negative must be one of identity, log, .*, got ''"),
        (DoubleAdversarialAttribution, "path_points", 0, "path_points must be at least 1, got 0"),
        (DoubleAdversarialAttribution, "path_step", -0.1, r"path_step must be at least 0, got -0\.1"),
        (DoubleAdversarialAttribution, "path_step", "x", "path_step must be a number or a fraction such as 16/255"),
        (DoubleAdversarialAttribution, "noise", math.nan, "noise must be at least 0, got nan"),
        (PerturbationDecay, "share", 0.0, r"share must be in \(0, 1\], got 0\.0"),
        (PerturbationDecay, "share", 1.5, r"share must be in \(0, 1\], got 1\.5"),
        (PerturbationDecay, "noise", -0.1, r"noise must be at least 0, got -0\.1"),
        (BlackBoxFeature, "fits", 0, "fits must be at least 1, got 0"),
        (BlackBoxFeature, "reach", -1.0, r"reach must be at least 0, got -1\.0"),
        (BlackBoxFeature, "reach", math.inf, "reach must be at least 0, got inf"),
    ],
)
def test_values_out_of_range_are_refused(make: Callable[..., Objective], key: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**{key: value})
