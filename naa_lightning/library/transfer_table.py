"""Transfer rates of several models, which print as a table."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from naa_lightning.metrics import Rate, TransferRates


@dataclass(frozen=True, eq=False, repr=False)
class TransferTable(Mapping[str, TransferRates]):
    """The transfer rates of models, by the model's name.

    It prints as a table in percent, whose last rate comes with its 95 % Wilson interval: the target rate of a targeted
    attack, else the success rate. Where there are several models, their means come last.

    Args:
        rates: The rates of at least one model, by its name.

    Example:
        >>> rates = TransferRates(
        ...     clean_accuracy=Rate(8, 10),
        ...     fooling_rate=Rate(5, 10),
        ...     error_rate=Rate(6, 10),
        ...     success_rate=Rate(4, 8),
        ...     target_rate=Rate(0, 0),
        ...     robust_accuracy=Rate(4, 10),
        ... )
        >>> table = TransferTable({"resnet50": rates})
        >>> table["resnet50"].success_rate.value
        0.5
        >>> table
        target    clean  fooling  error  success          95 %
        resnet50   80.0     50.0   60.0     50.0  21.5 to 78.5
        10 images, rates in %; success: among images classified correctly when clean
    """

    rates: Mapping[str, TransferRates]

    def __getitem__(self, name: str) -> TransferRates:
        return self.rates[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.rates)

    def __len__(self) -> int:
        return len(self.rates)

    def __repr__(self) -> str:
        rows = [self._head(), *self._body(), *self._foot()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join([name.ljust(widths[0]), *map(str.rjust, cells, widths[1:])]).rstrip() for name, *cells in rows
        ]
        return "\n".join([*lines, self._caption()])

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""
        parts = [("thead", [self._head()]), ("tbody", self._body()), ("tfoot", self._foot())]
        groups = (f"<{tag}>{''.join(map(_html_row, rows))}</{tag}>" for tag, rows in parts if rows)
        caption = f'<caption style="caption-side: bottom">{escape(self._caption())}</caption>'
        return f"<table>{caption}{''.join(groups)}</table>"

    @property
    def _columns(self) -> Mapping[str, Sequence[Rate]]:
        """The rates in the order of the columns, each of all models."""
        every = self.rates.values()
        columns = {"clean": [rates.clean_accuracy for rates in every]}
        success = {"success": [rates.success_rate for rates in every]}
        if any(rates.target_rate.total for rates in every):
            return columns | success | {"target hit": [rates.target_rate for rates in every]}
        wrong = {"fooling": [rates.fooling_rate for rates in every], "error": [rates.error_rate for rates in every]}
        return columns | wrong | success

    def _head(self) -> list[str]:
        return ["target", *self._columns, "95 %"]

    def _body(self) -> list[list[str]]:
        rows = zip(*self._columns.values(), strict=True)
        return [
            [name, *(_percent(rate.value) for rate in rates), _interval(rates[-1])]
            for name, rates in zip(self.rates, rows, strict=True)
        ]

    def _foot(self) -> list[list[str]]:
        if len(self) < 2:
            return []
        return [[f"mean of {len(self)}", *(_percent(_mean(rates)) for rates in self._columns.values()), ""]]

    def _caption(self) -> str:
        images = max(rates.error_rate.total for rates in self.rates.values())
        aimed = "; target hit: predicted as the class aimed at" if "target hit" in self._columns else ""
        return f"{images} images, rates in %; success: among images classified correctly when clean{aimed}"


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.1f}"


def _interval(rate: Rate) -> str:
    return " to ".join(map(_percent, rate.interval)) if rate.total else "-"


def _mean(rates: Sequence[Rate]) -> float:
    """Return the mean share of the models that have one."""
    shares = [rate.value for rate in rates if rate.total]
    return sum(shares) / len(shares) if shares else math.nan


def _html_row(row: Sequence[str]) -> str:
    name, *cells = map(escape, row)
    return f'<tr><th style="text-align: left">{name}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
