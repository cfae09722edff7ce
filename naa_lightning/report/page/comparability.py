"""Whether the runs of a sweep can be compared, and if not, which differ in what."""

from collections.abc import Mapping, Sequence

from naa_lightning.records.results import RunResults
from naa_lightning.report.page.wording import budget_text, counted, listed

_NAMED = 6


def differences(records: Mapping[str, RunResults]) -> dict[str, list[tuple[str, str]]]:
    """Return the properties in which runs differ, each with its values and the names of the runs that have them.

    A model that some run attacked is no target of that run's means, which is no such difference.

    Args:
        records: The results of the runs, by their names.
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
    return {name: _runs_by_value(values) for name, values in facts.items() if len(set(values.values())) > 1}


def _black_box(record: RunResults, attacked: set[str], *, defended: bool) -> set[str]:
    return {
        name for name, target in record.select("black-box", defended=defended).items() if target.model not in attacked
    }


def _targets(having: Mapping[str, set[str]]) -> dict[str, str]:
    """Describe each set of targets by its size and by its members that are not in all sets, empty ones aside."""
    known = [names for names in having.values() if names]
    common = set.intersection(*known) if known else set()
    return {run: _described(names, common) for run, names in having.items()}


def _described(names: set[str], common: set[str]) -> str:
    if not names:
        return "none"
    own = sorted(names - common)
    return counted(len(names), "target") + (f", with {_first_of(own, 3)}" if own else "")


def _runs_by_value(values: Mapping[str, str]) -> list[tuple[str, str]]:
    runs: dict[str, list[str]] = {}
    for run, value in values.items():
        runs.setdefault(value, []).append(run)
    commonest = sorted(runs.items(), key=lambda item: -len(item[1]))
    return [(value, _first_of(names, _NAMED)) for value, names in commonest]


def _first_of(names: Sequence[str], shown: int) -> str:
    return listed(names) if len(names) <= shown else f"{', '.join(names[:shown])} and {len(names) - shown} more"
