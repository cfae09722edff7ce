"""Points and lines over two axes, which `plot.html.j2` draws as SVG that fits any width."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

STYLES = 8
"""Number of styles, each with a colour and a shape of its own."""

_SHAPES = (
    "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z",
    "M-4.5 -4.5h9v9h-9z",
    "M0 -6L6 0L0 6L-6 0z",
    "M0 -5.5L5.5 4.5H-5.5z",
    "M0 5.5L5.5 -4.5H-5.5z",
    "M-6 -2h4v-4h4v4h4v4h-4v4h-4v-4h-4z",
    "M-5.7 -2L0 -6L5.7 -2L3.5 5H-3.5z",
    "M-5 -5h10L0 0L5 5H-5L0 0z",
)
# As wide as a plot on a phone, where names have least room, and as high as all are; in pixels.
_WIDTH, _HEIGHT, _LETTER = 300, 300, 6.5
# Left, right, upper and lower edge, in pixels.
Box = tuple[float, float, float, float]


class Point(NamedTuple):
    """A point.

    Args:
        x, y: Its place.
        said: What is said of it.
        low, high: The ends of the interval of `y`; None where there is none.
        style: The number of its colour and shape.
        name: Its name, drawn beside it where there is room; those of the first points come first.
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
    """Return an axis for shares, from the whole ten percent below the smallest to that above the largest."""
    known = [value for value in values if math.isfinite(value)] or [0, 1]
    low, high = max(0, math.floor(10 * min(known) - 0.1)), min(10, math.ceil(10 * max(known) + 0.1))
    marks = range(low, high + 1, 1 if high - low < 6 else 2)
    return Axis(title, low / 10, high / 10, [(mark / 10, f"{10 * mark}") for mark in marks])


def log_axis(title: str, values: Iterable[float]) -> Axis:
    """Return a logarithmic axis for positive values, marked at round numbers where there are some."""
    known = list(values)
    low, high = min(known) / 1.35, max(known) * 1.35
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if high / low < 1000 else (1,)
    marks = [mark for decade in decades for step in steps if low <= (mark := step * 10.0**decade) <= high]
    return Axis(title, low, high, [(mark, f"{mark:g}") for mark in marks or sorted(set(known))], logarithmic=True)


def linear_axis(title: str, values: Iterable[float]) -> Axis:
    """Return an axis for numbers, marked at some three round ones."""
    known = list(values)
    low, high = min(known), max(known)
    room = 0.06 * (high - low) or 0.5
    decade = 10.0 ** math.floor(math.log10((high - low) or 1))
    step = next(part * decade for part in (1, 0.5, 0.25, 0.1) if (high - low) / (part * decade) >= 2 or part == 0.1)
    marks = [step * number for number in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
    return Axis(title, low - room, high + room, [(mark, f"{mark:.4g}") for mark in marks])


def placed(points: Sequence[Point], x: Axis, y: Axis) -> list[tuple[Point, float, str | None]]:
    """Return each point with how far it is moved to the right, in pixels, and on which side its name stands, if any.

    Points at one place across stand side by side. A name that would lie over another point or name is left out.
    """
    across, up = [x.place(point.x) for point in points], [100 - y.place(point.y) for point in points]
    # Intervals hide each other wherever they share a place across, mere points only where they meet.
    alike = [
        (round(left), point.low is not None or round(top / 5))
        for point, left, top in zip(points, across, up, strict=True)
    ]
    shifts = [
        min(4.5, 25 / alike.count(own)) * (alike[:index].count(own) - alike[index + 1 :].count(own))
        for index, own in enumerate(alike)
    ]
    middles = [
        (_WIDTH * left / 100 + by, _HEIGHT * top / 100) for left, top, by in zip(across, up, shifts, strict=True)
    ]
    taken = [(left - 7, left + 7, top - 7, top + 7) for left, top in middles]
    found = []
    for index, (point, shift) in enumerate(zip(points, shifts, strict=True)):
        box = _beside(taken[index], point.name, [*taken[:index], *taken[index + 1 :]])
        found.append((point, shift, box and ("right" if box[0] > taken[index][0] else "left")))
        taken += [box] if box else []
    return found


def shape(style: int) -> str:
    """Return the outline of a style's mark, as the path of an SVG."""
    return _SHAPES[style % STYLES]


def _beside(own: Box, name: str, others: Sequence[Box]) -> Box | None:
    """Return where a name stands beside its point; None where it would lie over something or outside."""
    left, right, up, down = own
    width = _LETTER * len(name)
    for box in ((right + 2, right + 2 + width, up, down), (left - 2 - width, left - 2, up, down)):
        if name and box[0] >= 0 and box[1] <= _WIDTH and not any(_meet(box, other) for other in others):
            return box
    return None


def _meet(box: Box, other: Box) -> bool:
    return box[0] < other[1] and other[0] < box[1] and box[2] < other[3] and other[2] < box[3]
