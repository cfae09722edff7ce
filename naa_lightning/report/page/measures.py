"""Numbers about the images and their crafting, each with its meaning in a few words."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from naa_lightning.records.results import ExactAttribution, RunResults
from naa_lightning.report.page.wording import NONE, decimal, duration, levels, memory, percent
from naa_lightning.report.phases import phase_times

_Text = Callable[[float | None], str]


@dataclass(frozen=True)
class Measure:
    """A row of a table of measures.

    Args:
        name: The name of the measure.
        values: The values as text, one per column.
        meaning: The meaning of the measure, as text.
    """

    name: str
    values: tuple[str, ...]
    meaning: str


def _share(value: float | None) -> str:
    return NONE if value is None else f"{percent(value)} %"


def _in_levels(value: float | None) -> str:
    return NONE if value is None else f"{255 * value:.1f}"


def _decibels(value: float | None) -> str:
    return NONE if value is None else f"{decimal(value, 1)} dB"


_PERTURBATIONS: dict[str, tuple[str, _Text, str]] = {
    "linf": ("L\N{INFINITY}", _in_levels, "largest change of any value, in steps of 1/255"),
    "l2": ("L2", partial(decimal, digits=2), "Euclidean length of the change, values in [0, 1]"),
    "ssim": ("SSIM", decimal, "structural similarity; 1 is the same image"),
    "psnr": ("PSNR", _decibels, "signal over change; more is closer"),
    "lpips": ("LPIPS", decimal, "perceptual distance; 0 is the same image"),
}
_STATISTICS: dict[str, tuple[str, _Text, str]] = {
    "positive_share": ("positive share", _share, "of the attribution, what speaks for the class"),
    "negative_share": ("negative share", _share, "of the attribution, what speaks against it"),
    "participation": ("participation", _share, "of the neurons, how many effectively carry the attribution"),
    "gini": ("Gini coefficient", decimal, "0: every neuron carries equally much; 1: a single one carries all"),
    "completeness_gap": (
        "completeness gap",
        _share,
        "of the change in output, by how much the sum of attributions misses it; 0 is exact",
    ),
}
_EFFECTS = {
    "mass_kept": ("attribution kept", "all attribution after the attack, relative to before; can exceed 100 %"),
    "positive_kept": ("positive attribution kept", "likewise, of what speaks for the class alone"),
    "positive_destroyed": (
        "positive attribution destroyed",
        "share of what spoke for the class that its neurons lack after the attack",
    ),
}


def perturbation(record: RunResults) -> list[Measure]:
    """Return the measures of perturbations: their mean over images and the worst image."""
    rows = []
    for key, found in record.perturbation.items():
        if key in _PERTURBATIONS and found.mean is not None:
            name, text, meaning = _PERTURBATIONS[key]
            rows.append(Measure(name, (text(found.mean), text(found.worst)), meaning))
    return rows


def largest(record: RunResults) -> str | None:
    """Return the largest perturbation in the norm of the budget."""
    norm = record.budget.norm if record.budget else "linf"
    if norm not in record.perturbation or (value := record.perturbation[norm].max) is None:
        return None
    return levels(value) if norm == "linf" else decimal(value, 2)


def attribution(record: RunResults) -> list[Measure]:
    """Return the measures of the attribution that guides the attack."""
    return list(_statistics((record.attribution or {},)))


def exact_statistics(record: RunResults) -> list[Measure]:
    """Return the measures of exact attribution on clean and on adversarial images."""
    exact = record.exact_attribution or ExactAttribution()
    return list(_statistics((exact.clean, exact.adversarial)))


def exact_effects(record: RunResults) -> list[Measure]:
    """Return the effect of the attack on exact attribution, and the agreement of approximations with it."""
    exact = record.exact_attribution or ExactAttribution()
    effect = exact.effect
    rows = [
        Measure(name, (_share(effect[key]),), meaning) for key, (name, meaning) in _EFFECTS.items() if key in effect
    ]
    for part, values in exact.agreement.items():
        of = "NAA's approximation" if part == "naa" else part
        rows.append(Measure(f"{of}: cosine", (decimal(values["cosine"]),), "with exact attribution; 1 is the same"))
        rank = decimal(values.get("rank_correlation"))
        rows.append(Measure(f"{of}: rank correlation", (rank,), "likewise, of the order of the neurons"))
    return rows


def cost(record: RunResults) -> list[Measure]:
    """Return the measures of the run's cost; unknown ones are left out."""
    found = record.cost
    gradients, now = found.gradient_evaluations_per_image, found.images_crafted_now
    rows = [
        Measure("gradients", (NONE if gradients is None else f"{gradients:g}",), "evaluations per image"),
        Measure("crafting", (duration(found.seconds_per_image),), "per image"),
        Measure("whole run", (duration(found.seconds),), _crafted_by_call(now, record.images)),
        Measure("peak memory", (memory(found.peak_memory_bytes),), "of the device while crafting"),
    ]
    return [row for row in rows if row.values != (NONE,)]


def times(record: RunResults) -> list[Measure]:
    """Return the time of each phase of the run."""
    return [
        Measure(phase.name, (duration(phase.seconds), _share(phase.share)), phase.meaning)
        for phase in phase_times(record.cost)
    ]


def environment(record: RunResults) -> list[tuple[str, str]]:
    """Return names and values of the run's device and versions; unknown ones are left out."""
    known = record.environment
    found = {"naa_lightning": record.version, "device": known.device, "Python": known.python, **known.packages}
    return [(name, str(value)) for name, value in found.items() if value is not None]


def _crafted_by_call(now: int | None, images: int) -> str:
    if now is None:
        return "no image was crafted, the images were there"
    return "from start to results" if now == images else f"this call alone, which crafted {now:,} of {images:,} images"


def _statistics(columns: tuple[Mapping[str, float | None], ...]) -> Iterator[Measure]:
    for key, (name, text, meaning) in _STATISTICS.items():
        if any(key in column for column in columns):
            yield Measure(name, tuple(text(column.get(key)) for column in columns), meaning)
