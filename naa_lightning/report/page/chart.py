"""Rates as dots with their intervals on a common scale, as inline SVG that fits any width."""

from markupsafe import Markup

from naa_lightning.records.results import RateResult
from naa_lightning.report.page.wording import NONE, interval, percent

KINDS = ("white-box", "black-box", "defended")
"""Each has a shape and a colour of its own."""

_MIDDLE = 11
_SHAPES = {
    "white-box": "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z",
    "black-box": "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z",
    "defended": "M-4.2 -4.2h8.4v8.4h-8.4z",
    "clean": "M0 -5L5 0L0 5L-5 0z",
}


def dot_row(rate: RateResult, kind: str, clean: RateResult | None = None) -> Markup:
    """Draw a rate, its interval and the clean accuracy on a scale from 0 to 100 %.

    Args:
        rate: The rate, shown by a dot; without a value, there is none.
        kind: The kind of target, one of `KINDS`.
        clean: The clean accuracy, shown by an empty diamond.
    """
    description = f"{percent(rate.value)} %, 95 % interval {interval(rate)}" if rate.value is not None else "no rate"
    if clean is not None:
        description += f"; clean accuracy {percent(clean.value)} %"
    marks = [_mark(clean.value, "clean", "clean") if clean is not None else Markup()]
    if rate.low is not None and rate.high is not None:
        marks.append(_line(rate.low, rate.high, kind))
    marks.append(_mark(rate.value, kind, kind))
    return _row(description, marks)


def legend_mark(shape: str, style: str) -> Markup:
    """Draw a single mark, for a legend.

    Args:
        shape: The shape of the mark: one of `KINDS`, or "clean".
        style: The classes of the mark in the style sheet.
    """
    return Markup(
        '<svg class="key" width="26" height="22" aria-hidden="true">'
        '<svg x="13" y="11" overflow="visible"><path class="{}" d="{}"/></svg></svg>'
    ).format(style, _SHAPES[shape])


def _row(description: str, marks: list[Markup]) -> Markup:
    grid = Markup().join(
        Markup('<line class="grid" x1="{0}%" x2="{0}%" y1="0" y2="100%"/>').format(share)
        for share in (0, 25, 50, 75, 100)
    )
    return Markup(
        '<svg class="dots" width="100%" height="{}" role="img" aria-label="{}"><title>{}</title>{}{}</svg>'
    ).format(2 * _MIDDLE, description.replace(NONE, " to "), description, grid, Markup().join(marks))


def _mark(share: float | None, shape: str, style: str) -> Markup:
    if share is None:
        return Markup()
    return Markup('<svg x="{:.3f}%" y="{}" overflow="visible"><path class="{}" d="{}"/></svg>').format(
        100 * share, _MIDDLE, style, _SHAPES[shape]
    )


def _line(low: float, high: float, style: str) -> Markup:
    return Markup('<line class="span {}" x1="{:.3f}%" x2="{:.3f}%" y1="{}" y2="{}"/>').format(
        style, 100 * low, 100 * high, _MIDDLE, _MIDDLE
    )
