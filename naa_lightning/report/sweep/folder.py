"""A sweep's folder: its finished, failed and unfinished runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from naa_lightning.exceptions import UserError, in_one_line
from naa_lightning.records.failure import read_failure
from naa_lightning.records.results import FILE_NAME, RunResults, read_results
from naa_lightning.report.run_folders import in_job_order, is_finished
from naa_lightning.report.sweep.outcomes import Outcomes, read_outcomes


@dataclass(frozen=True)
class SweepRun:
    """A finished run.

    Args:
        folder: The run's folder.
        record: The results of the run.
        outcomes: The outcomes of its images, by target; empty where they cannot be read.
        modified: The time at which its results were written, in seconds.
    """

    folder: Path
    record: RunResults
    outcomes: Mapping[str, Outcomes]
    modified: float

    @property
    def seed(self) -> int | None:
        """The seed of the run's random draws; None where it is unknown."""
        seed = self.record.config.get("seed")
        return seed if isinstance(seed, int) else None


@dataclass(frozen=True)
class SweepFolder:
    """The runs of a sweep.

    Args:
        runs: The finished runs, in the order of the jobs.
        failed: The reason why a job failed, by its folder; also of a job that has results of an earlier try.
        unreadable: The reason why results cannot be read, by the run's folder.
        unfinished: The folders of jobs that neither finished nor failed.
        untested: The reason why the images of a run cannot be compared, by its folder.
    """

    runs: Sequence[SweepRun]
    failed: Mapping[Path, str]
    unreadable: Mapping[Path, str]
    unfinished: Sequence[Path]
    untested: Mapping[Path, str]


def read_sweep(folders: Sequence[Path]) -> SweepFolder:
    """Read the runs of a sweep.

    Args:
        folders: The folders of the runs, finished or not.
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
            record, modified = read_results(folder), (folder / FILE_NAME).stat().st_mtime
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
    return SweepFolder(runs, failed, unreadable, unfinished, untested)
