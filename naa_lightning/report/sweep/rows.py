"""The runs of each row of a sweep's table."""

from collections.abc import Sequence
from dataclasses import dataclass

from naa_lightning.report.sweep.folder import SweepRun
from naa_lightning.report.sweep.settings import settings

UNKNOWN = "unknown"


@dataclass(frozen=True)
class RunsOfRow:
    """Runs that differ in nothing but their seed.

    Args:
        attack: The name of the attack.
        setting: The other options that were swept, as text.
        runs: The runs by seed.
    """

    attack: str
    setting: str
    runs: dict[int | None, SweepRun]

    @property
    def name(self) -> str:
        """The attack with its setting."""
        return f"{self.attack} {self.setting}".rstrip()


@dataclass(frozen=True)
class RunsOfBlock:
    """Rows of one surrogate, data set and headline rate.

    Args:
        surrogate: The name of the surrogate.
        data: The name of the data set.
        rate: The headline rate.
        rows: The rows, in the order of their first runs.
    """

    surrogate: str
    data: str
    rate: str
    rows: list[RunsOfRow]


def arrange(runs: Sequence[SweepRun]) -> tuple[list[RunsOfBlock], list[str]]:
    """Sort runs into rows, and rows into blocks.

    Of runs of one row and seed, the one whose results were written last counts.

    Args:
        runs: The runs, in the order of the jobs.

    Returns:
        The blocks, and a notice for each run that does not count.
    """
    blocks: dict[tuple[str, str, str], dict[str, list[SweepRun]]] = {}
    for run in runs:
        record = run.record
        key = (record.surrogate or UNKNOWN, record.data or UNKNOWN, record.headline)
        blocks.setdefault(key, {}).setdefault(record.attack or UNKNOWN, []).append(run)
    notices: list[str] = []
    arranged = []
    for (surrogate, data, rate), attacks in blocks.items():
        rows = [row for attack, of_attack in attacks.items() for row in _rows(attack, of_attack, notices)]
        order = {run.folder: place for place, run in enumerate(runs)}
        rows.sort(key=lambda row: min(order[run.folder] for run in row.runs.values()))
        arranged.append(RunsOfBlock(surrogate, data, rate, rows))
    return arranged, notices


def _rows(attack: str, runs: Sequence[SweepRun], notices: list[str]) -> list[RunsOfRow]:
    rows: dict[str, RunsOfRow] = {}
    for run, setting in zip(runs, settings([run.record.config for run in runs]), strict=True):
        row = rows.setdefault(setting, RunsOfRow(attack, setting, {}))
        other = row.runs.get(run.seed)
        if other is None:
            row.runs[run.seed] = run
            continue
        kept, dropped = (run, other) if run.modified >= other.modified else (other, run)
        row.runs[run.seed] = kept
        notices.append(
            f"{dropped.folder.name} does not count: {kept.folder.name} is the same run, and was written later"
        )
    return list(rows.values())
