"""What the tests of attribution ask, and a table of all methods."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from naa_lightning.attribution import (
    AggregateGradient,
    Attribution,
    Conductance,
    FeatureDifference,
    GradientTimesActivation,
    Method,
    Path,
    SteppedConductance,
    attribute,
)
from naa_lightning.models import Classifier
from naa_lightning.rng import SeededDraws

CLASSES = torch.tensor([1, 4])
DRAWS = SeededDraws(0, [0, 1])
POINTS = 5
METHODS: dict[str, Method] = {
    "conductance": Conductance(path=Path(rule="gauss_legendre", points=POINTS, noise=0.1)),
    "stepped_conductance": SteppedConductance(path=Path(rule="trapezoid", points=POINTS, noise=0.1)),
    "feature_difference": FeatureDifference(path=Path(rule="release", points=POINTS, noise=0.1)),
    "aggregate_gradient": AggregateGradient(masks=POINTS, keep=0.7),
    "gradient_times_activation": GradientTimesActivation(),
}


def clean_path(rule: str, points: int) -> Path:
    return Path(rule=rule, points=points, noise=0.0)


def asked(method: Method, surrogate: Classifier, images: Tensor, **options: Any) -> Attribution:
    return attribute(method, surrogate, images, CLASSES, DRAWS, **options)


def gap(found: Attribution) -> Tensor:
    """What the attributions of each image miss of the change that they explain."""
    return found.values.flatten(1).sum(1) - found.explained


def points_of(path: Path, images: Tensor, baseline: Tensor | None = None) -> Iterator[tuple[float, Tensor, Tensor]]:
    """Weight, images and direction at every point, from the path's definition."""
    start = torch.zeros_like(images) if baseline is None else baseline
    rule = path.quadrature
    for index, (position, weight) in enumerate(zip(rule.positions, rule.weights, strict=True)):
        end = images + path.noise * DRAWS.normal("naa/noise", index, images)
        yield weight, (1 - position) * start + position * end, end - start


@dataclass
class CountingDraws:
    """The index plus one wherever normal numbers are asked for; remembers what was asked."""

    asked: list[tuple[str, int]] = field(default_factory=list)

    def normal(self, purpose: str, index: int, like: Tensor) -> Tensor:
        self.asked.append((purpose, index))
        return torch.full_like(like, index + 1)

    uniform = other_images = normal
