"""How numbers and names are written for people."""

import math
import re
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from naa_lightning.class_names import short_class_name
from naa_lightning.models.predicted_classes import ABSTAINED
from naa_lightning.records.results import BudgetResult
from naa_lightning.records.targets import EstimateResult, RateResult

NONE = "\N{EN DASH}"
"""Stands where there is no number."""

DOUBT = "\N{DOUBLE DAGGER}"
"""Marks rates that mean less than they seem to."""

BREAK = re.compile(r"(?<=\w[-+_./])(?![-+_./\d]|$)")
"""Where a line may break in a name: behind a sign between words, but not in a number such as 1e-05 or 0.5."""


def percent(share: float | None) -> str:
    """Write a share in percent, without the sign."""
    return NONE if share is None or math.isnan(share) else f"{100 * share:.1f}"


def whole_percent(share: float) -> str:
    """Write a share in whole percent, never as all or nothing where it is not."""
    number = "over 99" if 0.995 <= share < 1 else "under 1" if 0 < share < 0.005 else f"{100 * share:.0f}"
    return f"{number}\N{NO-BREAK SPACE}%"


def interval(found: RateResult | EstimateResult) -> str:
    """Write the interval of a rate, or of a difference of rates, in percent."""
    if found.low is None or found.high is None:
        return NONE
    return (" to " if found.low < 0 else "\N{EN DASH}").join(map(percent, (found.low, found.high)))


def p_text(p: float) -> str:
    """Write a p-value."""
    return ("p < 0.001" if p < 0.001 else f"p = {p:.2g}").replace(" ", "\N{NO-BREAK SPACE}")


def levels(value: float | None) -> str:
    """Write a change of a pixel as a fraction of 255."""
    if value is None:
        return NONE
    whole = round(255 * value)
    return f"{whole}/255" if abs(255 * value - whole) < 0.01 else f"{255 * value:.3g}/255"


def budget_text(budget: BudgetResult | None) -> str:
    """Write a budget."""
    if budget is None:
        return ""
    if budget.norm == "linf":
        eps, whole = levels(budget.eps), math.floor(255 * budget.eps + 1e-6)
        saved = "" if eps == f"{whole}/255" else f" ({whole}/255 in 8 bits)"
        return f"L\N{INFINITY}\N{NO-BREAK SPACE}{eps}{saved}"
    return f"{budget.norm.upper()}\N{NO-BREAK SPACE}{budget.eps:g}"


def decimal(value: float | None, digits: int = 3) -> str:
    """Write a number with a fixed number of digits behind the point."""
    return NONE if value is None else f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def duration(seconds: float | None) -> str:
    """Write a time."""
    if seconds is None:
        return NONE
    if 0 < seconds < 0.001:
        return "under 0.001 s"
    if seconds < 10:
        return f"{seconds:.2g} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def memory(size: float) -> str:
    """Write bytes."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


def times(note: str) -> str:
    """Write the factor in a picture's note, "x 8", as people do."""
    return note.replace("x ", "\N{MULTIPLICATION SIGN}\N{NO-BREAK SPACE}")


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """Write a count with its noun."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def class_called(names: Mapping[int, str], answer: int) -> str:
    """Name a class that was answered; a negative one is no answer."""
    if answer < 0:
        return "abstained" if answer == ABSTAINED else "no answer"
    return short_class_name(names, answer)


def sentence(text: str) -> str:
    """Begin with a capital letter and leave the rest as it is."""
    return text[:1].upper() + text[1:]


def breakable(name: str) -> Markup:
    """Escape a name and let lines break where its parts end."""
    return Markup("<wbr>").join(BREAK.split(name))


def listed(parts: Sequence[str], most: int | None = None) -> str:
    """Join parts as people do.

    Args:
        parts: The parts.
        most: Beyond so many, the others are only counted; None for no such number.
    """
    if most is not None and len(parts) > most:
        parts = [*parts[:most], f"{len(parts) - most} more"]
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)
