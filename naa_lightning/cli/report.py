"""`naa-report`: reports finished runs again from their files."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from naa_lightning.exceptions import UserError, in_one_line


def main(arguments: Sequence[str] | None = None) -> None:
    """Write `report.html` for runs and sweeps, and log the runs to W&B.

    Args:
        arguments: The arguments of the command line; None for the program's own.

    Raises:
        SystemExit: Something could not be reported; the other paths are.
    """
    parser = argparse.ArgumentParser(
        prog="naa-report",
        description="Write report.html for finished runs, and for sweeps of them, and log the runs to W&B, from their "
        "files alone. The W&B run of a folder is updated, or made if it has none.",
    )
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="folder of a run or study, or one that holds runs"
    )
    parser.add_argument("--no-log", action="store_true", help="write the pages only")
    parser.add_argument("--project", help="W&B project; default: the run's own, or naa_lightning")
    parser.add_argument(
        "--baseline", help="the attack of a sweep that the others are tested against; default: as its runs were told"
    )
    options = parser.parse_args(arguments)
    mistakes = []
    for path in options.paths:
        try:
            report(path, log=not options.no_log, project=options.project, baseline=options.baseline)
        except (UserError, OSError) as error:
            mistakes.append(f"error: {in_one_line(error)}")
    if mistakes:
        sys.exit("\n".join(mistakes))


def report(path: Path, *, log: bool, project: str | None, baseline: str | None = None) -> None:
    """Report the runs in a folder and, if it is not itself one, the folder as a sweep; or the study that it is of.

    Args:
        path: The folder of a run or study, or one that holds runs.
        log: Whether to log the runs to W&B.
        project: The W&B project; None for each run's own.
        baseline: The attack, setting or both of the sweep's baseline; None for the one that its runs name.

    Raises:
        UserError: There is no finished run, or some could not be reported; the others are.
    """
    # Takes seconds to load, which --help and mistakes in the arguments need not wait for.
    from naa_lightning.records.studies import read_study  # noqa: PLC0415
    from naa_lightning.report.page.run_page import write_run_page  # noqa: PLC0415
    from naa_lightning.report.page.study_page import write_study_page  # noqa: PLC0415
    from naa_lightning.report.page.sweep_page import write_sweep_page  # noqa: PLC0415
    from naa_lightning.report.run_folders import find_runs, is_finished, is_run  # noqa: PLC0415
    from naa_lightning.report.sweep.files import write_summary  # noqa: PLC0415
    from naa_lightning.report.sweep.terminal import print_summary  # noqa: PLC0415

    study = read_study(path)
    if study is not None:
        sys.stdout.write(f"report: {write_study_page(path, study)}\n")
        return
    runs = find_runs(path) if path.is_dir() else []
    finished = [run for run in runs if is_finished(run)]
    if not finished:
        raise UserError(f"{path} holds no results.json: name the folder of a finished run, or of a sweep")
    mistakes = []
    for run in finished:
        try:
            sys.stdout.write(f"report: {write_run_page(run)}\n")
            if log:
                from naa_lightning.loggers.relog import relog  # noqa: PLC0415 - loads Lightning

                sys.stdout.write(f"W&B: {relog(run, project=project)}\n")
        except UserError as error:
            mistakes.append(in_one_line(error))
    if not is_run(path):
        summary = write_summary(path, runs, baseline)
        write_sweep_page(path, summary)
        print_summary(path, summary)
    if mistakes:
        raise UserError("; ".join(mistakes))
