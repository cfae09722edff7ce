"""Numbers about images and their crafting, as tables in which each has its meaning in a few words."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from naa_lightning.records.results import ExactAttribution, RunResults
from naa_lightning.report.definitions import DEFINITIONS
from naa_lightning.report.phases import phase_times
from naa_lightning.report.wording import NONE, counted, decimal, duration, memory, percent

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
    exact, moved = results.exact_attribution or ExactAttribution(), results.perturbation
    parts = ["NAA's approximation" if part == "naa" else part for part in exact.agreement]
    found = [
        ("What the run took", ["cost"], rows("cost", results.cost)),
        (
            f"How far images were moved{over_some(results)}",
            ["mean", "worst"],
            rows("perturbation", *_parts(moved, "mean", "worst")),
        ),
        (
            "Attribution over the attacked layer, as approximated while crafting",
            ["mean"],
            rows("attribution", results.attribution or {}),
        ),
        (
            f"Exact attribution, mean of {counted(exact.images, 'image')}",
            ["clean", "adversarial"],
            rows("attribution", exact.clean, exact.adversarial),
        ),
        ("What the attack did to exact attribution", ["value"], rows("effect", exact.effect)),
        ("Agreement with exact attribution", parts, rows("agreement", *exact.agreement.values())),
    ]
    return [table for table in found if table[2]]


def over_some(results: RunResults) -> str:
    """Return words on how many images a measure is over that equal images do not have; empty where that is all."""
    measured = results.perturbation.get("psnr")
    known = results.images if measured is None or measured.images is None else measured.images
    return "" if known == results.images else f", PSNR over the {counted(known, 'image')} that changed"


def phase_rows(results: RunResults) -> Rows:
    """Return the time of each phase of the last call of a run, and its share."""
    return rows("phase", *_parts(phase_times(results.cost), "seconds", "share"))


def rows(kind: str, *columns: Any) -> Rows:
    """Return the measures of a kind that some column has.

    Args:
        kind: A kind of `naa_lightning.report.definitions`.
        columns: The value of each measure, by its key or attribute; None for none.
    """
    found = []
    for (of_kind, key), definition in DEFINITIONS.items():
        values = [dict(column).get(key) for column in columns]
        if of_kind == kind and any(value is not None for value in values):
            formats = definition["format"].split() * len(values)
            texts = [
                NONE if value is None else FORMATS[format](value)
                for format, value in zip(formats, values, strict=False)
            ]
            found.append((definition["name"], texts, definition["meaning"]))
    return found


def _parts(measured: Mapping[str, Any], *names: str) -> list[dict[str, Any]]:
    return [{key: getattr(found, name) for key, found in measured.items()} for name in names]
