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
        low, high, at = map(math.log, (self.low, self.high, value)) if self.logarithmic else (self.low, self.high, value)
        return 100 * (at - low) / (high - low)


def percent_axis(title: str) -> Axis:
    """Return an axis for shares."""
    return Axis(title, 0, 1, [(share / 100, f"{share}") for share in (0, 25, 50, 75, 100)])


def log_axis(title: str, values: Iterable[float]) -> Axis:
    """Return a logarithmic axis for positive values, marked at round numbers, some four of them at most in a decade."""
    known = list(values)
    low, high = min(known) / 1.35, max(known) * 1.35
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if high / low < 1000 else (1,)
    marks = [step * 10.0**decade for decade in decades for step in steps]
    return Axis(title, low, high, [(mark, f"{mark:g}") for mark in marks if low <= mark <= high], logarithmic=True)


def linear_axis(title: str, values: Iterable[float]) -> Axis:
    """Return an axis for numbers, marked at the smallest, the largest and what is between them."""
    known = list(values)
    low, high = min(known), max(known)
    room = 0.06 * (high - low) or 0.5
    marks = [low] if low == high else [low, (low + high) / 2, high]
    return Axis(title, low - room, high + room, [(mark, f"{mark:.3g}") for mark in marks])


def placed(points: Sequence[Point], x: Axis, y: Axis) -> list[tuple[Point, float, str | None]]:
    """Return each point with how far it is moved to the right, in pixels, and on which side its name stands, if any.

    Points at one place across stand side by side. A name that would lie over another point or name is left out.
    """
    places = [x.place(point.x) for point in points]
    shifts = [_shift(places[:index], places[index + 1 :], place) for index, place in enumerate(places)]
    taken = [
        (left - 7, left + 7, up - 7, up + 7)
        for point, place, shift in zip(points, places, shifts, strict=True)
        for left, up in [(_WIDTH * place / 100 + shift, _HEIGHT * (1 - y.place(point.y) / 100))]
    ]
    found = []
    for index, (point, shift) in enumerate(zip(points, shifts, strict=True)):
        box = _beside(taken[index], point.name, [*taken[:index], *taken[index + 1 :]])
        found.append((point, shift, box and ("right" if box[0] > taken[index][0] else "left")))
        taken += [box] if box else []
    return found


def shape(style: int) -> str:
    """Return the outline of a style's mark, as the path of an SVG."""
    return _SHAPES[style % STYLES]


def _shift(before: Sequence[float], behind: Sequence[float], place: float) -> float:
    left, right = (sum(round(other) == round(place) for other in others) for others in (before, behind))
    return 4.5 * (left - right) if left + right < 5 else 0.0


def _beside(own: Box, name: str, others: Sequence[Box]) -> Box | None:
    """Return where a name stands beside its point; None where it would lie over something or outside."""
    left, right, up, down = own
    width = _LETTER * len(name)
    for box in ((right + 2, right + 2 + width, up, down), (left - 2 - width, left - 2, up, down)):
        apart = all(box[0] >= end or box[1] <= start or box[2] >= below or box[3] <= above for start, end, above, below in others)
        if name and apart and box[0] >= 0 and box[1] <= _WIDTH:
            return box
    return None
