"""The classes on which an attack succeeds most and least often."""

from collections.abc import Sequence
from dataclasses import dataclass

from naa_lightning.records.results import ClassResult, RunResults

FEW = 12
"""The largest number of classes that are shown in one table."""

_ENDS = 5


@dataclass(frozen=True)
class Classes:
    """Classes by success; those without a success rate come last.

    Args:
        every: All classes.
        easiest: The classes on which the attack succeeds most often; empty where there are few classes.
        hardest: The classes on which it succeeds least often, the hardest first; empty where there are few classes.
    """

    every: Sequence[ClassResult]
    easiest: Sequence[ClassResult]
    hardest: Sequence[ClassResult]


def by_success(record: RunResults) -> Classes:
    """Sort a run's classes."""
    known = [result for result in record.classes if result.success_rate.value is not None]
    unknown = [result for result in record.classes if result.success_rate.value is None]
    known.sort(key=lambda result: (-(result.success_rate.value or 0), -result.success_rate.total, result.label))
    if len(record.classes) <= FEW:
        return Classes([*known, *unknown], [], [])
    easiest = known[:_ENDS]
    hardest = sorted(
        known[_ENDS:], key=lambda result: (result.success_rate.value or 0, -result.success_rate.total, result.label)
    )[:_ENDS]
    return Classes([*known, *unknown], easiest, hardest)
