"""`naa-report`: reports finished runs again from their files, and exports their images."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from naa_lightning.exceptions import UserError, in_one_line, suggest
from naa_lightning.exports import FORMATS


def main(arguments: Sequence[str] | None = None) -> None:
    """Write `report.html` for runs and sweeps, and log the runs to W&B; or export the images of a run.

    Args:
        arguments: The arguments of the command line; None for the program's own.

    Raises:
        SystemExit: Something could not be reported; the other paths are.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words[:1] == ["export"]:
        _export_main(words[1:])
    else:
        _report_main(words)


def _report_main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="naa-report",
        description="Write report.html for finished runs, and for sweeps of them, and log the runs to W&B, from their "
        "files alone. The W&B run of a folder is updated, or made if it has none.",
        epilog="naa-report export RUN --to FORMAT writes the images of a run for others to use: see naa-report export "
        "--help. A folder of that name is ./export.",
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


def _export_main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="naa-report export",
        description="Write the clean and adversarial images of a finished run for others to use, with labels, target "
        "classes, ids and file names. naa-attack craft=false adversarial_dir=EXPORT data=... targets=[...] rates them. "
        "It also holds the configuration of surrogate, attack, targets and defences, with the paths in it.",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a finished run")
    parser.add_argument(
        "words",
        nargs="*",
        metavar="data.KEY=VALUE",
        help="options of the run's data that are others now, such as data.root=FOLDER where the clean images were "
        "moved to; trust=[...] for data of your own code",
    )
    parser.add_argument(
        "--to",
        required=True,
        metavar="FORMAT",
        help="npz: arrays of NumPy; pt: tensors of PyTorch; huggingface: a folder with Parquet; webdataset: a .tar "
        "of PNGs. npz and pt need images of one size",
    )
    parser.add_argument(
        "--out", type=Path, help="file or folder to write; default: export in the run's folder, as the format ends"
    )
    options = parser.parse_intermixed_args(arguments)
    try:
        export(options.run, options.to, options.out, options.words)
    except (UserError, OSError) as error:
        sys.exit(f"error: {in_one_line(error)}")


def export(run: Path, to: str, out: Path | None, words: Sequence[str] = ()) -> None:
    """Export the images of a run, and say how they are read.

    Args:
        run: The folder of a finished run.
        to: The name of the format.
        out: The file or folder to write; None for `export` in the run's folder, as the format ends.
        words: Options of the run's data that are others now.

    Raises:
        UserError: There is no such format or run, or its images cannot be exported.
        OSError: The file cannot be written.
    """
    if to not in FORMATS:
        raise UserError(f"--to {to} is no format; {suggest(to, FORMATS, all_of_them=True)}")
    from naa_lightning.runs.export import export_run  # noqa: PLC0415 - loads Lightning

    place = run / f"export{FORMATS[to].ending}" if out is None else out.expanduser()
    count = export_run(run, to, place, words)
    sys.stdout.write(f"export: {place}, {count} pairs of images\n")
    sys.stdout.write(f"read it: {FORMATS[to].example.format(path=repr(str(place)))}\n")


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
