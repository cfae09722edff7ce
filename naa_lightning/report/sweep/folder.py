"""A sweep's folder: its finished, failed and unfinished runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from naa_lightning.exceptions import UserError, in_one_line
from naa_lightning.records.failure import read_failure
from naa_lightning.records.results import RunResults, read_results
from naa_lightning.report.run_folders import in_job_order, is_finished
from naa_lightning.report.sweep.outcomes import read_outcomes


@dataclass(frozen=True)
class SweepFolder:
    """The runs of a sweep.

    Args:
        records: The results of the finished runs by folder, in the order of the jobs.
        outcomes: The outcomes of their images, as `read_outcomes` gives them, where they can be read.
        failed: The reason why a job failed, by its folder; also of a job that has results of an earlier try.
        unfinished: The folders of jobs that neither finished nor failed.
        notices: A sentence on each run that cannot be read, or not be compared.
    """

    records: Mapping[Path, RunResults]
    outcomes: Mapping[Path, pd.DataFrame]
    failed: Mapping[Path, str]
    unfinished: Sequence[Path]
    notices: Sequence[str]


def read_sweep(folders: Sequence[Path]) -> SweepFolder:
    """Read the runs of a sweep.

    Args:
        folders: The folders of the runs, finished or not.
    """
    records: dict[Path, RunResults] = {}
    outcomes: dict[Path, pd.DataFrame] = {}
    failed: dict[Path, str] = {}
    unfinished: list[Path] = []
    unreadable, untested = [], []
    for folder in in_job_order(folders):
        reason = read_failure(folder)
        if not is_finished(folder):
            if reason is None:
                unfinished.append(folder)
            else:
                failed[folder] = reason
            continue
        try:
            record = records[folder] = read_results(folder)
        except UserError as error:
            unreadable.append(f"{folder.name} is left out: {in_one_line(error)}")
            continue
        if reason is not None and not record.failed:
            failed[folder] = f"{reason}; the results of an earlier try count"
        try:
            outcomes[folder] = read_outcomes(folder, targeted=record.targeted)
        except UserError as error:
            untested.append(f"{folder.name} is in no test: {in_one_line(error)}")
    return SweepFolder(records, outcomes, failed, unfinished, [*unreadable, *untested])
