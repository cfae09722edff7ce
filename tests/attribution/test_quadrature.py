import math
from fractions import Fraction

import pytest
from captum.attr._utils.approximation_methods import approximation_parameters

from naa_lightning.attribution import RULES, quadrature

LEAST = {rule: 2 if rule == "trapezoid" else 1 for rule in RULES}


def integral_of_power(rule: str, points: int, power: int) -> float:
    found = quadrature(rule, points)
    return sum(weight * position**power for position, weight in zip(found.positions, found.weights, strict=True))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("more", [0, 1, 2, 7, 63])
def test_weights_sum_to_1_and_points_are_on_the_path(rule: str, more: int) -> None:
    points = LEAST[rule] + more
    found = quadrature(rule, points)
    assert len(found.positions) == len(found.weights) == points
    assert math.fsum(found.weights) == pytest.approx(1, abs=1e-14)
    assert all(weight > 0 for weight in found.weights)
    assert all(0 <= position <= 1 for position in found.positions)
    assert sorted(set(found.positions), reverse=rule == "release") == list(found.positions)


@pytest.mark.parametrize(
    ("rule", "positions", "weights"),
    [
        ("release", "1 3/4 1/2 1/4", "1/4 1/4 1/4 1/4"),
        ("left", "0 1/4 1/2 3/4", "1/4 1/4 1/4 1/4"),
        ("right", "1/4 1/2 3/4 1", "1/4 1/4 1/4 1/4"),
        ("midpoint", "1/8 3/8 5/8 7/8", "1/4 1/4 1/4 1/4"),
        ("trapezoid", "0 1/3 2/3 1", "1/6 1/3 1/3 1/6"),
    ],
)
def test_four_points(rule: str, positions: str, weights: str) -> None:
    found = quadrature(rule, 4)
    for ours, written in ((found.positions, positions), (found.weights, weights)):
        assert ours == pytest.approx([float(Fraction(number)) for number in written.split()], abs=1e-15)


def test_two_points_of_gauss_legendre() -> None:
    found = quadrature("gauss_legendre", 2)
    assert found.positions == pytest.approx([0.5 - math.sqrt(1 / 12), 0.5 + math.sqrt(1 / 12)], abs=1e-15)
    assert found.weights == pytest.approx([0.5, 0.5], abs=1e-15)


@pytest.mark.parametrize("points", [2, 3, 4])
@pytest.mark.parametrize("rule", ["release", "left", "right", "midpoint", "trapezoid", "gauss_legendre"])
def test_polynomials_are_integrated_exactly_up_to_the_rules_degree(rule: str, points: int) -> None:
    degree = {"midpoint": 1, "trapezoid": 1, "gauss_legendre": 2 * points - 1}.get(rule, 0)
    for power in range(degree + 1):
        assert integral_of_power(rule, points, power) == pytest.approx(1 / (power + 1), abs=1e-14)
    assert abs(integral_of_power(rule, points, degree + 1) - 1 / (degree + 2)) > 1e-6


@pytest.mark.parametrize(
    ("rule", "captums", "lost"),
    [
        ("left", "riemann_left", 0),
        ("right", "riemann_right", 0),
        ("midpoint", "riemann_middle", 0),
        ("trapezoid", "riemann_trapezoid", 1),
        ("gauss_legendre", "gausslegendre", 0),
    ],
)
@pytest.mark.parametrize("points", [2, 5, 30])
@pytest.mark.usefixtures("float64_by_default")
def test_points_and_weights_are_captums(rule: str, captums: str, lost: int, points: int) -> None:
    """But that the weights of its trapezoids sum to 1 - 1/N: they lack a cell."""
    weights_of, positions_of = approximation_parameters(captums)
    found = quadrature(rule, points)
    assert found.positions == pytest.approx(positions_of(points), abs=1e-15)
    scale = points / (points - lost)
    assert found.weights == pytest.approx([scale * weight for weight in weights_of(points)], abs=1e-15)


@pytest.mark.parametrize(
    ("rule", "points", "message"),
    [
        ("simpson", 3, "rule must be one of release, left, right, midpoint, trapezoid, gauss_legendre, got 'simpson'"),
        ("", 3, "rule must be one of"),
        ("trapezoid", 1, "the rule trapezoid needs at least 2 points, got 1"),
        *((rule, 0, f"the rule {rule} needs at least {least} points, got 0") for rule, least in LEAST.items()),
        *((rule, -1, f"the rule {rule} needs at least {least} points, got -1") for rule, least in LEAST.items()),
    ],
)
def test_what_is_no_rule_is_refused(rule: str, points: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        quadrature(rule, points)
