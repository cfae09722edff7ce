"""Two neurons whose attributions have a closed form.

y1 = 2 u and y2 = 3 u^2, u being one pixel value, and F = y1 y2 = 6 u^3. From black to white u = t, so that exactly
A1 = integral of y2 dy1 = integral of 3 t^2 2 = 2 and A2 = integral of y1 dy2 = integral of 2 t 6 t = 4.
"""

import pytest
import torch
from torch import Tensor, nn

from naa_lightning.attribution import (
    BASELINES,
    AggregateGradient,
    Attribution,
    Baseline,
    Conductance,
    FeatureDifference,
    GradientTimesActivation,
    Method,
    SteppedConductance,
    attribute,
    class_logit,
)
from naa_lightning.models import Classifier
from naa_lightning.rng import SeededDraws
from tests.attribution.cases import clean_path


class TwoNeurons(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        pixel = images[:, 0, 0, 0]
        return torch.stack([2 * pixel, 3 * pixel.square()], 1)


class Product(nn.Module):
    def forward(self, features: Tensor) -> Tensor:
        product = features.prod(1)
        return torch.stack([torch.zeros_like(product), product], 1)


def found_for(method: Method, pixel: float, baseline: Baseline) -> Attribution:
    surrogate = Classifier(nn.Sequential(TwoNeurons(), Product()), mean=[0.0] * 3, std=[1.0] * 3, layer="0").double()
    images = torch.full((1, 3, 2, 2), pixel, dtype=torch.float64)
    return attribute(
        method, surrogate, images, torch.tensor([1]), SeededDraws(0, [0]), output=class_logit, baseline=baseline
    )


@pytest.mark.parametrize(
    ("method", "first", "second"),
    [
        # two points of Gauss and Legendre integrate t^2 exactly
        (Conductance(path=clean_path("gauss_legendre", 2)), 2.0, 4.0),
        # the mean of t^2 at 1/4 and 3/4 is 5/16
        (Conductance(path=clean_path("midpoint", 2)), 6 * 5 / 16, 12 * 5 / 16),
        # at 0, 1/2 and 1, the ends counting half, 3/8
        (Conductance(path=clean_path("trapezoid", 3)), 6 * 3 / 8, 12 * 3 / 8),
        # from 0 to 1/2 the gradients are (0, 0), from 1/2 to 1 they are (3/4, 1) and the changes (1, 9/4)
        (SteppedConductance(path=clean_path("trapezoid", 3)), 0.75, 2.25),
        # y(1) = (2, 3) times the mean of (3 t^2, 2 t): the second neuron is curved, its attribution not exact
        (FeatureDifference(path=clean_path("gauss_legendre", 2)), 2.0, 3.0),
        # the means of t^2 and t at 1/4, 1/2, 3/4 and 1 are 15/32 and 5/8
        (FeatureDifference(path=clean_path("release", 4)), 6 * 15 / 32, 6 * 5 / 8),
        # y(1) = (2, 3) times (3, 2)
        (GradientTimesActivation(), 6.0, 6.0),
        (AggregateGradient(masks=3, keep=1.0), 6.0, 6.0),
    ],
)
def test_from_black_to_white(method: Method, first: float, second: float) -> None:
    found = found_for(method, 1.0, BASELINES["black"])
    assert found.values.flatten().tolist() == pytest.approx([first, second], rel=1e-14)
    assert found.explained.tolist() == [6.0]


@pytest.mark.parametrize(
    ("method", "first", "second"),
    [
        # u = (1 + t) / 2: the integrals of 3 u^2 2 and 2 u 6 u from 1/2 to 1
        (Conductance(path=clean_path("gauss_legendre", 2)), 7 / 4, 7 / 2),
        # changes (1, 9/4) times the mean of (3 u^2, 2 u), which is (7/4, 3/2)
        (FeatureDifference(path=clean_path("gauss_legendre", 2)), 7 / 4, 27 / 8),
        # gradients (3/4, 1) and changes (1, 9/4) in a single step
        (SteppedConductance(path=clean_path("trapezoid", 2)), 3 / 4, 9 / 4),
    ],
)
def test_from_grey_to_white(method: Method, first: float, second: float) -> None:
    found = found_for(method, 1.0, BASELINES["grey"])
    assert found.values.flatten().tolist() == pytest.approx([first, second], rel=1e-14)
    assert found.explained.tolist() == [6 * 7 / 8]


def test_from_black_to_dark_grey() -> None:
    """u = t / 4, and F = 6 / 64."""
    found = found_for(Conductance(path=clean_path("gauss_legendre", 2)), 0.25, BASELINES["black"])
    assert found.values.flatten().tolist() == pytest.approx([2 / 64, 4 / 64], rel=1e-14)
    assert found.explained.tolist() == [6 / 64]


@pytest.mark.parametrize("keep", [0.2, 0.7])
def test_copies_without_the_pixel_have_no_gradient(keep: float) -> None:
    found = found_for(AggregateGradient(masks=10, keep=keep), 1.0, BASELINES["black"])
    images, draws = torch.zeros(1, 3, 2, 2, dtype=torch.float64), SeededDraws(0, [0])
    kept = sum(bool(draws.uniform("fia/mask", index, images)[0, 0, 0, 0] < keep) for index in range(10))
    assert 0 < kept < 10
    assert found.values.flatten().tolist() == pytest.approx([6 * kept / 10] * 2)
