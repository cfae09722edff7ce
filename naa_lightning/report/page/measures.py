"""Numbers about images and their crafting, as tables in which each has its meaning in a few words."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from naa_lightning.records.results import ExactAttribution, RunResults
from naa_lightning.report.definitions import DEFINITIONS
from naa_lightning.report.page.wording import NONE, counted, decimal, duration, memory, percent
from naa_lightning.report.phases import phase_times

Rows = list[tuple[str, list[str], str]]
"""The name of a measure, its values as text, one a column, and its meaning."""

FORMATS: dict[str, Callable[[float], str]] = {
    "share": lambda value: f"{percent(value)} %",
    "decibel": lambda value: f"{decimal(value, 1)} dB",
    "levels": lambda value: f"{255 * value:.1f}",
    "plain": "{:g}".format,
    "duration": duration,
    "memory": memory,
    "decimal2": partial(decimal, digits=2),
    "decimal3": decimal,
}


def tables(results: RunResults) -> list[tuple[str, list[str], Rows]]:
    """Return the caption, the columns and the rows of tables of cost, perturbations and attribution, if any."""
    exact = results.exact_attribution or ExactAttribution()
    means, worst = (
        {key: getattr(size, part) for key, size in results.perturbation.items()} for part in ("mean", "worst")
    )
    parts = ["NAA's approximation" if part == "naa" else part for part in exact.agreement]
    guiding, of_exact = "Attribution over the attacked layer, as approximated while crafting", "exact attribution"
    found = [
        ("What the run took", ["cost"], rows("cost", results.cost.model_dump())),
        ("How far images were moved", ["mean", "worst"], rows("perturbation", means, worst)),
        (guiding, ["mean"], rows("attribution", results.attribution or {})),
        (
            f"Exact attribution, mean of {counted(exact.images, 'image')}",
            ["clean", "adversarial"],
            rows("attribution", exact.clean, exact.adversarial),
        ),
        (f"What the attack did to {of_exact}", ["value"], rows("effect", exact.effect)),
        (f"Agreement with {of_exact}", parts, rows("agreement", *exact.agreement.values())),
    ]
    return [table for table in found if table[2]]


def phase_rows(results: RunResults) -> Rows:
    """Return the time of each phase of the last call of a run, and its share."""
    times = phase_times(results.cost)
    return rows("phase", *({key: getattr(time, part) for key, time in times.items()} for part in ("seconds", "share")))


def rows(kind: str, *columns: Mapping[str, Any]) -> Rows:
    """Return the measures of a kind that some column has.

    Args:
        kind: A kind of `naa_lightning.report.definitions`.
        columns: The value of each measure, by its key; None for none.
    """
    found = []
    for (of_kind, key), definition in DEFINITIONS.items():
        values = [column.get(key) for column in columns]
        if of_kind == kind and any(value is not None for value in values):
            formats = definition["format"].split() * len(values)
            texts = [
                NONE if value is None else FORMATS[format](value)
                for format, value in zip(formats, values, strict=False)
            ]
            found.append((definition["name"], texts, definition["meaning"]))
    return found
