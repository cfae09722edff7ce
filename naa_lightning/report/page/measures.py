"""Numbers about images and their crafting as rows of a table, each with its meaning in a few words."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from naa_lightning.records.results import ExactAttribution, RunResults
from naa_lightning.report.definitions import DEFINITIONS
from naa_lightning.report.page.wording import NONE, counted, decimal, duration, memory, percent
from naa_lightning.report.phases import phase_times


class MeasureTable(NamedTuple):
    """A table of measures.

    Args:
        caption: Its caption.
        columns: The heads of its columns of values.
        rows: The name of each measure, its values as text, and its meaning.
    """

    caption: str
    columns: list[str]
    rows: list[tuple[str, list[str], str]]


def _share(value: float | None) -> str:
    return NONE if value is None else f"{percent(value)} %"


def _decibel(value: float | None) -> str:
    return NONE if value is None else f"{decimal(value, 1)} dB"


def _levels(value: float | None) -> str:
    return NONE if value is None else f"{255 * value:.1f}"


def _plain(value: float | None) -> str:
    return NONE if value is None else f"{value:g}"


FORMATS: dict[str, Callable[[float | None], str]] = {
    "share": _share,
    "decibel": _decibel,
    "levels": _levels,
    "plain": _plain,
    "duration": duration,
    "memory": memory,
    "decimal2": partial(decimal, digits=2),
    "decimal3": decimal,
}


def tables(results: RunResults) -> list[MeasureTable]:
    """Return the tables of a run's cost, of its perturbations and of attribution; those without a row are left out."""
    exact = results.exact_attribution or ExactAttribution()
    sizes = results.perturbation.items()
    parts = ["NAA's approximation" if part == "naa" else part for part in exact.agreement]
    found = [
        MeasureTable("What the run took", ["cost"], _rows("cost", results.cost.model_dump())),
        MeasureTable(
            "How far images were moved",
            ["mean", "worst"],
            _rows("perturbation", {key: size.mean for key, size in sizes}, {key: size.worst for key, size in sizes}),
        ),
        MeasureTable(
            "Attribution over the attacked layer, as approximated while crafting",
            ["mean"],
            _rows("attribution", results.attribution or {}),
        ),
        MeasureTable(
            f"Exact attribution, mean of {counted(exact.images, 'image')}",
            ["clean", "adversarial"],
            _rows("attribution", exact.clean, exact.adversarial),
        ),
        MeasureTable("What the attack did to exact attribution", ["value"], _rows("effect", exact.effect)),
        MeasureTable("Agreement with exact attribution", parts, _rows("agreement", *exact.agreement.values())),
    ]
    return [table for table in found if table.rows]


def phase_table(results: RunResults) -> MeasureTable:
    """Return the table of the time of each phase of the last call of a run."""
    times, now = phase_times(results.cost), results.cost.images_crafted_now
    seconds, shares = ({key: getattr(time, part) for key, time in times.items()} for part in ("seconds", "share"))
    crafted = "no image, as they were there" if now is None else f"{now:,} of {counted(results.images, 'image')}"
    return MeasureTable(
        f"The last call of the run, which crafted {crafted}", ["time", "share"], _rows("phase", seconds, shares)
    )


def _rows(kind: str, *columns: Mapping[str, Any]) -> list[tuple[str, list[str], str]]:
    """Return the rows of the measures of a kind that some column has."""
    found = []
    for of_kind, key, name, formats, meaning in DEFINITIONS.values():
        values = [column.get(key) for column in columns]
        if of_kind == kind and any(value is not None for value in values):
            writers = [FORMATS[format] for format in formats.split()] * len(values)
            found.append((name, [write(value) for write, value in zip(writers, values, strict=False)], meaning))
    return found
