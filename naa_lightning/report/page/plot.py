"""Points and lines over two axes, which `plot.html.j2` draws as SVG that fits any width."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

SHAPES = (
    "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z",
    "M-4.5 -4.5h9v9h-9z",
    "M0 -6L6 0L0 6L-6 0z",
    "M0 -5.5L5.5 4.5H-5.5z",
    "M0 5.5L5.5 -4.5H-5.5z",
    "M-6 -2h4v-4h4v4h4v4h-4v4h-4v-4h-4z",
    "M-5.7 -2L0 -6L5.7 -2L3.5 5H-3.5z",
    "M-5 -5h10L0 0L5 5H-5L0 0z",
)
"""The outlines of the marks of styles, as paths of an SVG; each style also has a colour in the style sheet."""


class Point(NamedTuple):
    """A point.

    Args:
        x, y: Its place.
        said: What is said of it.
        low, high: The ends of the interval of `y`; None where there is none.
        style: The number of its colour and shape.
        name: Its name, drawn beside it.
        href: The address that it leads to.
        strong: Whether it stands out.
    """

    x: float
    y: float
    said: str
    low: float | None = None
    high: float | None = None
    style: int = 0
    name: str = ""
    href: str | None = None
    strong: bool = False


class Line(NamedTuple):
    """A line through places, drawn in a style; None for that of a frontier."""

    places: Sequence[tuple[float, float]]
    style: int | None = None


class Axis(NamedTuple):
    """An axis from `low` to `high`, with a title and the values, each with its text, at its marks."""

    title: str
    low: float
    high: float
    marks: Sequence[tuple[float, str]]
    logarithmic: bool = False

    def place(self, value: float) -> float:
        """Return where a value is, in percent of the axis."""
        scale = math.log if self.logarithmic else float
        low, high, at = scale(self.low), scale(self.high), scale(value)
        return 100 * (at - low) / (high - low)


def share_axis(title: str, values: Iterable[float]) -> Axis:
    """Return an axis for shares in percent, from the whole ten below the smallest to that above the largest."""
    known = [value for value in values if math.isfinite(value)] or [0, 1]
    low, high = max(0, math.floor(10 * min(known) - 0.1)), min(10, math.ceil(10 * max(known) + 0.1))
    step = 1 if high - low < 6 else 2
    low, marks = low - low % step, range(low - low % step, high + 1, step)
    return Axis(title, low / 10, high / 10, [(mark / 10, f"{10 * mark}") for mark in marks])


def log_axis(title: str, values: Iterable[float]) -> Axis:
    """Return a logarithmic axis for positive values, marked at round numbers where there are some."""
    known = sorted(values)
    low, high = known[0] / 1.35, known[-1] * 1.35
    steps, decades = (1, 2, 5) if high / low < 1000 else (1,), range(math.floor(math.log10(low)), 99)
    marks = [mark for decade in decades for step in steps if low <= (mark := step * 10.0**decade) <= high]
    return Axis(title, low, high, [(mark, f"{mark:g}") for mark in marks or known[:1]], logarithmic=True)


def linear_axis(title: str, values: Iterable[float]) -> Axis:
    """Return an axis for numbers, marked at some three round ones."""
    known = sorted(values)
    low, high = known[0], known[-1]
    decade = 10.0 ** math.floor(math.log10((high - low) or 1))
    step = next((part * decade for part in (1, 0.5, 0.25) if high - low >= 2 * part * decade), 0.1 * decade)
    marks = [step * number for number in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
    room = 0.06 * (high - low) or 0.5
    return Axis(title, low - room, high + room, [(mark, f"{mark:.4g}") for mark in marks or known[:1]])


def shifts(points: Sequence[Point], x: Axis, y: Axis) -> list[float]:
    """Return how far each point is moved aside, in pixels, so that none hides another; the first ones stay.

    Intervals hide each other wherever they share a place across, mere points only where they meet.
    """
    alike = [(round(x.place(one.x)), round(y.place(one.y) / 5) if one.low is None else None) for one in points]
    turns = [(alike[:index].count(own), min(9, 40 / alike.count(own))) for index, own in enumerate(alike)]
    return [step * (turn // 2 if turn % 2 == 0 else -(turn + 1) // 2) for turn, step in turns]
