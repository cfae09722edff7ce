"""Where on the integration path gradients are taken, and what each counts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Quadrature:
    """Approximates the integral of f over [0, 1] by sum(w f(t)).

    Args:
        positions: Places t on the path from the baseline (0) to the image (1).
        weights: Weights w, one per place, with a sum of 1.
    """

    positions: tuple[float, ...]
    weights: tuple[float, ...]


def quadrature(rule: str, points: int) -> Quadrature:
    """Return a quadrature rule.

    - "release": the points of NAA's release, 1, 1 - 1/N ... 1/N; "right", but from the image towards the baseline.
    - "left": 0, 1/N ... 1 - 1/N.
    - "right": 1/N ... 1.
    - "midpoint": 1/(2N), 3/(2N) ... 1 - 1/(2N).
    - "trapezoid": 0, 1/(N-1) ... 1, the ends counting half.
    - "gauss_legendre": exact for polynomials up to degree 2N - 1.

    On a smooth function the error of the first three falls as 1/N, of the next two as 1/N^2, and of the last faster
    than any power.

    Args:
        rule: A name of `RULES`.
        points: The number N of points.

    Raises:
        ValueError: There is no such rule, or it needs more points.

    Example:
        >>> quadrature("midpoint", 2)
        Quadrature(positions=(0.25, 0.75), weights=(0.5, 0.5))
    """
    if rule not in RULES:
        raise ValueError(f"rule must be one of {', '.join(RULES)}, got {rule!r}")
    least = 2 if rule == "trapezoid" else 1
    if points < least:
        raise ValueError(f"the rule {rule} needs at least {least} points, got {points}")
    return RULES[rule](points)


def _equal(positions: Iterable[float]) -> Quadrature:
    where = tuple(positions)
    return Quadrature(where, (1 / len(where),) * len(where))


def _trapezoid(points: int) -> Quadrature:
    step = 1 / (points - 1)
    ends = {0, points - 1}
    return Quadrature(
        tuple(index * step for index in range(points)),
        tuple(step / 2 if index in ends else step for index in range(points)),
    )


def _gauss_legendre(points: int) -> Quadrature:
    nodes, weights = np.polynomial.legendre.leggauss(points)
    return Quadrature(tuple(((nodes + 1) / 2).tolist()), tuple((weights / 2).tolist()))


RULES: dict[str, Callable[[int], Quadrature]] = {
    "release": lambda points: _equal(1 - index / points for index in range(points)),
    "left": lambda points: _equal(index / points for index in range(points)),
    "right": lambda points: _equal((index + 1) / points for index in range(points)),
    "midpoint": lambda points: _equal((index + 0.5) / points for index in range(points)),
    "trapezoid": _trapezoid,
    "gauss_legendre": _gauss_legendre,
}
