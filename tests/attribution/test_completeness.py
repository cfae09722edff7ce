"""What attributions sum to: F(x) - F(x'), exactly or up to the error of the quadrature."""

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from naa_lightning.attribution import (
    BASELINES,
    OUTPUTS,
    RULES,
    Baseline,
    Conductance,
    FeatureDifference,
    Method,
    Path,
    SteppedConductance,
    class_logit,
    class_margin,
    image_baseline,
)
from naa_lightning.models import Classifier
from tests.attribution.cases import CLASSES, DRAWS, asked, clean_path, gap

STARTS: dict[str, Baseline] = {
    **BASELINES,
    "image": image_baseline(torch.rand(3, 4, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(5))),
}


def assert_complete(method: Method, surrogate: Classifier, images: Tensor, start: str) -> None:
    found = asked(method, surrogate, images, output=class_logit, baseline=STARTS[start])
    assert (found.explained.abs() > 1e-4).all()
    torch.testing.assert_close(found.values.flatten(1).sum(1), found.explained, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("rule", RULES)
def test_an_affine_network_has_no_gap(rule: str, start: str, linear: Classifier, images: Tensor) -> None:
    for method in (Conductance(path=clean_path(rule, 3)), FeatureDifference(path=clean_path(rule, 3))):
        assert_complete(method, linear, images, start)


@pytest.mark.parametrize("start", STARTS)
def test_an_affine_network_has_no_gap_in_steps_from_0_to_1(start: str, linear: Classifier, images: Tensor) -> None:
    assert_complete(SteppedConductance(path=clean_path("trapezoid", 3)), linear, images, start)


@pytest.mark.parametrize("rule", ["left", "right", "midpoint"])
def test_other_steps_of_an_affine_network_cover_a_part_of_the_path(
    rule: str, linear: Classifier, images: Tensor
) -> None:
    """Four points are three of four steps apart."""
    found = asked(SteppedConductance(path=clean_path(rule, 4)), linear, images, output=class_logit)
    torch.testing.assert_close(found.values.flatten(1).sum(1), 0.75 * found.explained)


def test_noise_on_an_affine_network(linear: Classifier, images: Tensor) -> None:
    """Exact attribution explains the noisy image of each point, and steps that of the last; NAA's has no gap.

    Its gradient is the same everywhere and its features are those of the image without noise.
    """
    path = Path(rule="trapezoid", points=4, noise=0.2)

    def logits(seen: Tensor) -> Tensor:
        return class_logit(linear(seen).detach(), CLASSES)

    rises = [logits(images + 0.2 * DRAWS.normal("naa/noise", i, images)) - logits(0 * images) for i in range(4)]
    mean = rises[0] / 6 + rises[1] / 3 + rises[2] / 3 + rises[3] / 6
    plain = logits(images) - logits(0 * images)
    expected: list[tuple[Method, Tensor]] = [
        (Conductance(path=path), mean),
        (SteppedConductance(path=path), rises[-1]),
        (FeatureDifference(path=path), plain),
    ]
    for method, total in expected:
        found = asked(method, linear, images, output=class_logit)
        torch.testing.assert_close(found.values.flatten(1).sum(1), total)
        torch.testing.assert_close(found.explained, plain)
    assert not torch.isclose(mean, plain, rtol=1e-2).any()
    assert not torch.isclose(rises[-1], plain, rtol=1e-2).any()


def test_antithetic_noise_leaves_no_gap_on_an_affine_network(linear: Classifier, images: Tensor) -> None:
    path = Path(rule="midpoint", points=4, noise=0.2, antithetic=True)
    assert_complete(Conductance(path=path), linear, images, "black")


def relative_gaps(rule: str, intervals: list[int], surrogate: Classifier, images: Tensor) -> list[float]:
    """Of the first image; a trapezoid has one point more than intervals."""
    gaps = []
    for count in intervals:
        path = clean_path(rule, count + (rule == "trapezoid"))
        found = asked(Conductance(path=path), surrogate, images, images_per_pass=64)
        gaps.append(float((gap(found) / found.explained)[0].abs()))
    return gaps


@pytest.mark.parametrize(
    ("rule", "order"), [("release", 1), ("left", 1), ("right", 1), ("midpoint", 2), ("trapezoid", 2)]
)
def test_the_gap_falls_at_the_order_of_the_rule(rule: str, order: int, smooth: Classifier, images: Tensor) -> None:
    gaps = relative_gaps(rule, [16, 32, 64], smooth, images)
    slopes = [math.log2(coarse / fine) for coarse, fine in pairwise(gaps)]
    assert slopes == pytest.approx([order] * 2, abs=0.05)


def test_the_gap_of_gauss_and_legendre_falls_faster_than_any_power(smooth: Classifier, images: Tensor) -> None:
    gaps = relative_gaps("gauss_legendre", [4, 8, 16], smooth, images)
    slopes = [math.log2(coarse / fine) for coarse, fine in pairwise(gaps)]
    assert 6 < slopes[0] < slopes[1] - 2
    assert gaps[-1] < 1e-8


@pytest.mark.parametrize("name", ["probability", "logit"])
def test_exact_attribution_is_complete(name: str, smooth: Classifier, images: Tensor) -> None:
    found = asked(Conductance(path=clean_path("gauss_legendre", 24)), smooth, images, output=OUTPUTS[name])
    assert (gap(found).abs() < 1e-8 * found.explained.abs()).all()


def test_exact_attribution_of_a_margin_is_complete_in_the_limit(smooth: Classifier, images: Tensor) -> None:
    """Where another class becomes the rival there is a kink: the rule's order is lost, but not the limit."""
    rivals = [smooth(seen).scatter(1, CLASSES[:, None], -torch.inf).argmax(1) for seen in (0 * images, images)]
    assert (rivals[0] != rivals[1]).any()
    coarse, fine = (
        gap(
            asked(
                Conductance(path=clean_path("midpoint", points)),
                smooth,
                images,
                output=class_margin,
                images_per_pass=64,
            )
        ).abs()
        for points in (4, 256)
    )
    assert (fine < coarse / 10).all()


def test_naas_attribution_on_a_straight_path_is_complete_in_the_limit(straight: Classifier, images: Tensor) -> None:
    def relative_gap(points: int) -> Tensor:
        found = asked(FeatureDifference(path=clean_path("release", points)), straight, images)
        return (gap(found) / found.explained).abs()

    coarse, fine = relative_gap(8), relative_gap(64)
    assert (fine < 0.05).all()
    torch.testing.assert_close(coarse / fine, torch.full_like(fine, 8.0), rtol=0.2, atol=0)
