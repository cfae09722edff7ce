"""Whether the runs of a sweep can be compared, and if not, which differ in what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from naa_lightning.report.page.record import Record
from naa_lightning.report.page.wording import budget_text, counted, listed

_NAMED = 6


@dataclass(frozen=True)
class Difference:
    """Something in which runs differ.

    Args:
        what: They differ in.
        values: Each with the runs that have it, in words.
    """

    what: str
    values: Sequence[tuple[str, str]]


def differences(records: Mapping[str, Record]) -> list[Difference]:
    """Say in what runs differ that makes their numbers no comparison of like with like.

    A model that some run attacked is no target of that run's means, which is no such difference.

    Args:
        records: By the names of the runs.
    """
    attacked = {
        target.model for record in records.values() for target in record.targets.values() if target.role == "white-box"
    }
    facts = {
        "images": {name: record.data or "unknown" for name, record in records.items()},
        "number of images": {name: counted(record.images, "image") for name, record in records.items()},
        "budget": {name: budget_text(record.budget) or "unknown" for name, record in records.items()},
        "aim": {name: "targeted" if record.targeted else "untargeted" for name, record in records.items()},
        "version": {name: f"naa_lightning {record.version}" for name, record in records.items()},
        "targets of the black-box mean": _targets(
            {name: _black_box(record, attacked, defended=False) for name, record in records.items()}
        ),
        "targets of the defended mean": _targets(
            {name: _black_box(record, attacked, defended=True) for name, record in records.items()}
        ),
    }
    return [_difference(what, values) for what, values in facts.items() if len(set(values.values())) > 1]


def _black_box(record: Record, attacked: set[str], *, defended: bool) -> set[str]:
    return {
        name
        for name, target in record.targets.items()
        if target.role == "black-box" and target.model not in attacked and bool(target.defences) == defended
    }


def _targets(having: Mapping[str, set[str]]) -> dict[str, str]:
    """Describe sets of targets by their size and by what not all of them hold, empty ones aside."""
    known = [names for names in having.values() if names]
    common = set.intersection(*known) if known else set()
    return {run: _described(names, common) for run, names in having.items()}


def _described(names: set[str], common: set[str]) -> str:
    if not names:
        return "none"
    own = sorted(names - common)
    return counted(len(names), "target") + (f", with {_some(own, 3)}" if own else "")


def _difference(what: str, values: Mapping[str, str]) -> Difference:
    having: dict[str, list[str]] = {}
    for name, value in values.items():
        having.setdefault(value, []).append(name)
    commonest = sorted(having.items(), key=lambda item: -len(item[1]))
    return Difference(what, [(value, _some(names, _NAMED)) for value, names in commonest])


def _some(names: Sequence[str], shown: int) -> str:
    return listed(names) if len(names) <= shown else f"{', '.join(names[:shown])} and {len(names) - shown} more"
