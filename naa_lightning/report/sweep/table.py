"""The table of a sweep: rows of surrogate, attack and setting against targets, tested in pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from naa_lightning.exceptions import UserError, in_one_line
from naa_lightning.records.failure import read_failure
from naa_lightning.records.results import RunResults, read_results
from naa_lightning.report.loading import frame_of
from naa_lightning.report.run_folders import in_job_order, is_finished
from naa_lightning.report.sweep.cells import cells_of
from naa_lightning.report.sweep.notices import notices
from naa_lightning.report.sweep.outcomes import outcomes_of
from naa_lightning.report.sweep.paired import tested
from naa_lightning.report.sweep.rows import placed, rows_of


@dataclass(frozen=True)
class SweepTable:
    """The table of a sweep, with what a reader must know. What is not known is missing: NaN or None.

    Args:
        records: The results of the finished runs, by their folders.
        runs: The same, as `naa_lightning.report.load` gives them, also those that do not count.
        rows: One line for each row of the table, that is for runs that differ in nothing but their seed: `block`, the
            number of the rows of one surrogate, data set and rate, which can be compared, and its `title`; `surrogate`,
            `attack`, `setting`, `data`; `rate`, the headline; `name`, attack and setting; `seeds`, `folders`, tuples;
            `gradient_evaluations` and `seconds_per_image`, means; `images`, their number over all runs, and `doubtful`,
            that of those whose gradient vanished or that equal the clean image; `is_baseline`, whether others are
            compared with it. The index counts the rows block by block, in the order of the jobs.
        cells: One line for each row and column that has a rate or failed: `row`; `column`; `kind`, "undefended",
            "defended" or "mean"; `white_box`, whether the images were crafted on the target's model; `failed`, whether
            the target failed in a run; `mean` of the headline rate over seeds; `low` and `high`, the 95 % interval for
            other images, Wilson's where a rate is over one target; `spread`, the standard deviation over seeds;
            `seeds`, their number; `clean`, the mean clean accuracy; `targets` that a mean is over, a tuple: those with
            a rate in all runs of the row; `left_out`, the reason why others are not among them; `baseline`, the name of
            the row compared with, the numbers of images on which this row is `better` and `worse`, the `p`-value, and
            `p_holm`, adjusted for all tests of the table; `best`, whether no row of the block is higher, white-box
            cells aside, and among means only those over the same targets; of such a cell the `runner_up`, the name of
            the next row, `p_best`, the adjusted p-value against it, and `distinct`, whether it is better by more than
            chance.
        columns: The targets, those without a defence first, then the means.
        notices: Sentences that a reader must know.
        failed: The reason why a job failed, by its folder.
        unfinished: The folders of jobs that neither finished nor failed.
    """

    records: Mapping[Path, RunResults]
    runs: pd.DataFrame
    rows: pd.DataFrame
    cells: pd.DataFrame
    columns: list[str]
    notices: list[str]
    failed: Mapping[Path, str]
    unfinished: Sequence[Path]


def read_sweep_table(folders: Sequence[Path], baseline: str | None = None) -> SweepTable:
    """Read the runs of a sweep and compare them.

    Args:
        folders: The folders of the runs, finished or not.
        baseline: The attack, setting or both of the row of each block that the others are compared with; None for the
            `report.baseline` of the newest run, or else the first row.
    """
    records: dict[Path, RunResults] = {}
    failed: dict[Path, str] = {}
    unfinished: list[Path] = []
    unread: list[str] = []
    for folder in in_job_order(folders):
        reason = read_failure(folder)
        if is_finished(folder):
            try:
                records[folder] = read_results(folder)
            except UserError as error:
                unread.append(f"{folder.name} is left out: {in_one_line(error)}")
            else:
                if reason is not None and not records[folder].failed:
                    failed[folder] = f"{reason}; the results of an earlier try count"
        elif reason is None:
            unfinished.append(folder)
        else:
            failed[folder] = reason
    runs = frame_of(records)
    heads, repeated = placed(runs)
    baseline = baseline or _baseline(records, runs)
    rows = rows_of(heads, baseline)
    outcomes, untested = outcomes_of(heads)
    cells, columns = cells_of(runs, heads, outcomes)
    return SweepTable(
        records=records,
        runs=runs,
        rows=rows,
        cells=tested(cells, rows, outcomes),
        columns=columns,
        notices=[*repeated, *notices(rows, cells, outcomes, baseline), *unread, *untested],
        failed=failed,
        unfinished=unfinished,
    )


def _baseline(records: Mapping[Path, RunResults], runs: pd.DataFrame) -> str | None:
    """Return the `report.baseline` of the newest run."""
    newest = [records[folder] for folder in runs.sort_values("written").folder[-1:]]
    report = newest[0].config.get("report") if newest else None
    name = report.get("baseline") if isinstance(report, Mapping) else None
    return None if name is None else str(name)
