"""How numbers and names are written on a page."""

import math
import re
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from naa_lightning.records.results import BudgetResult, RateResult
from naa_lightning.records.studies import EstimateResult

NONE = "\N{EN DASH}"
"""Stands where there is no number."""

_PART = re.compile(r"(?<=[_/+.-])(?=[^_/+.-])")

MINUS = "\N{MINUS SIGN}"


def percent(share: float | None) -> str:
    """Write a share in percent, without the sign.

    >>> percent(0.8412), percent(None) == NONE
    ('84.1', True)
    """
    return NONE if share is None or math.isnan(share) else f"{100 * share:.1f}"


def interval(found: RateResult | EstimateResult) -> str:
    """Write the interval of a rate, or of a difference of rates, in percent.

    >>> interval(RateResult(value=0.5, low=0.399, high=0.601, count=45, total=90)).split(NONE)
    ['39.9', '60.1']
    >>> interval(EstimateResult(value=0.0, low=-0.05, high=0.05)), interval(EstimateResult()) == NONE
    ('-5.0 to 5.0', True)
    """
    if found.low is None or found.high is None:
        return NONE
    return (" to " if found.low < 0 else "\N{EN DASH}").join(map(percent, (found.low, found.high)))


def spread(rate: RateResult, repeats: int) -> str:
    """Write how much a rate varies between the draws of a random defence; nothing where it does not.

    >>> spread(RateResult(value=0.5, spread=0.012), 5), spread(RateResult(value=0.5), 1)
    ('± 1.2 over 5 draws', '')
    """
    return "" if rate.spread is None else f"\N{PLUS-MINUS SIGN} {percent(rate.spread)} over {repeats} draws"


def levels(value: float | None) -> str:
    """Write a change of a pixel as a fraction of 255.

    >>> levels(16 / 255), levels(0.01), levels(None) == NONE
    ('16/255', '2.55/255', True)
    """
    if value is None:
        return NONE
    whole = round(255 * value)
    return f"{whole}/255" if abs(255 * value - whole) < 0.01 else f"{255 * value:.3g}/255"


def budget_text(budget: BudgetResult | None) -> str:
    r"""Write a budget.

    >>> budget_text(BudgetResult(norm="linf", eps=16 / 255)), budget_text(BudgetResult(norm="l2", eps=3.0))
    ('L∞\xa016/255', 'L2\xa03')
    """
    if budget is None:
        return ""
    if budget.norm == "linf":
        return f"L\N{INFINITY}\N{NO-BREAK SPACE}{levels(budget.eps)}"
    return f"{budget.norm.upper()}\N{NO-BREAK SPACE}{budget.eps:g}"


def decimal(value: float | None, digits: int = 3) -> str:
    """Write a number with a fixed number of digits behind the point.

    >>> decimal(0.25), decimal(1.0, 1), decimal(-1.0) == MINUS + "1.000", decimal(None) == NONE
    ('0.250', '1.0', True, True)
    """
    return NONE if value is None else f"{value:.{digits}f}".replace("-", MINUS)


def duration(seconds: float | None) -> str:
    """Write a time.

    >>> duration(0.0123), duration(42.4), duration(900), duration(7260), duration(None) == NONE
    ('0.012 s', '42 s', '15 min', '2 h 1 min', True)
    >>> duration(2.1e-05), duration(0.0)
    ('under 0.001 s', '0 s')
    """
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


def memory(size: float | None) -> str:
    """Write bytes.

    >>> memory(3 * 2**30), memory(200 * 2**20), memory(None) == NONE
    ('3.0 GiB', '200 MiB', True)
    """
    if size is None:
        return NONE
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """Write a count with its noun.

    >>> counted(1, "image"), counted(1200, "image"), counted(2, "class", "classes")
    ('1 image', '1,200 images', '2 classes')
    """
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def class_called(names: Mapping[int, str], label: int) -> str:
    """Name a class that was answered; a negative one is no answer.

    >>> class_called({3: "shark", 4: "4"}, 3), class_called({3: "shark", 4: "4"}, 4), class_called({}, 9)
    ('shark', 'class 4', 'class 9')
    >>> class_called({}, -1), class_called({}, -2)
    ('no answer', 'abstained')
    """
    if label < 0:
        return "abstained" if label == -2 else "no answer"
    name = names.get(label, "")
    return f"class {label}" if name in ("", str(label)) else name


def sentence(text: str) -> str:
    """Begin with a capital letter and leave the rest as it is.

    >>> sentence("the NAA release"), sentence("")
    ('The NAA release', '')
    """
    return text[:1].upper() + text[1:]


def breakable(name: str) -> Markup:
    """Escape a name and let lines break where its parts end.

    >>> breakable("resnet_50<b>")
    Markup('resnet_<wbr>50&lt;b&gt;')
    """
    return Markup("<wbr>").join(_PART.split(name))


def listed(parts: Sequence[str]) -> str:
    """Join parts as people do.

    >>> listed(["a"]), listed(["a", "b", "c"]), listed([])
    ('a', 'a, b and c', '')
    """
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)
