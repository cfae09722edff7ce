"""The runs of a sweep, from their folders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from naa_lightning.exceptions import UserError, in_one_line
from naa_lightning.records.failure import read_failure
from naa_lightning.report.page.record import Record, read_record
from naa_lightning.report.results import FILE_NAME
from naa_lightning.report.runs import in_job_order, is_finished
from naa_lightning.report.sweep.outcomes import Outcomes, read_outcomes


@dataclass(frozen=True)
class SweepRun:
    """A finished run.

    Args:
        folder: Of the run.
        record: Its numbers.
        outcomes: What became of its images, by target; empty where that cannot be read.
        modified: When its results were written, in seconds.
    """

    folder: Path
    record: Record
    outcomes: Mapping[str, Outcomes]
    modified: float

    @property
    def seed(self) -> int | None:
        """Of the run's random draws, where known."""
        seed = self.record.config.get("seed")
        return seed if isinstance(seed, int) else None


@dataclass(frozen=True)
class Collected:
    """What a sweep's folder holds.

    Args:
        runs: The finished ones, in the order of the jobs.
        failed: Why jobs failed, by folder; also one that has results of an earlier try.
        unreadable: Why results cannot be read, by folder.
        unfinished: Folders of jobs that neither finished nor failed.
        untested: Why the images of a run cannot be compared, by folder.
    """

    runs: Sequence[SweepRun]
    failed: Mapping[Path, str]
    unreadable: Mapping[Path, str]
    unfinished: Sequence[Path]
    untested: Mapping[Path, str]


def collect(folders: Sequence[Path]) -> Collected:
    """Read runs; what cannot be read is noted.

    Args:
        folders: Of the runs, finished or not.
    """
    runs: list[SweepRun] = []
    failed: dict[Path, str] = {}
    unreadable: dict[Path, str] = {}
    unfinished: list[Path] = []
    untested: dict[Path, str] = {}
    for folder in in_job_order(folders):
        reason = read_failure(folder)
        if not is_finished(folder):
            if reason is None:
                unfinished.append(folder)
            else:
                failed[folder] = reason
            continue
        try:
            record, modified = read_record(folder), (folder / FILE_NAME).stat().st_mtime
        except (UserError, OSError) as error:
            unreadable[folder] = in_one_line(error)
            continue
        if reason is not None and not record.failed:
            failed[folder] = f"{reason}; the results of an earlier try count"
        outcomes: Mapping[str, Outcomes] = {}
        try:
            outcomes = read_outcomes(folder, targeted=record.targeted)
        except UserError as error:
            untested[folder] = in_one_line(error)
        runs.append(SweepRun(folder, record, outcomes, modified))
    return Collected(runs, failed, unreadable, unfinished, untested)
