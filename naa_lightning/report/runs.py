"""Which folders are runs."""

import re
from pathlib import Path

from naa_lightning.records import identity
from naa_lightning.report import results


def find_runs(folder: Path) -> list[Path]:
    """Return the folders below one that hold attack runs, finished or not, in natural order.

    Runs inside a job, as a study of layers has them, are not looked for.
    """
    if is_run(folder):
        return [folder]
    if (folder / ".hydra").is_dir():
        return []
    below = sorted((path for path in folder.iterdir() if path.is_dir()), key=_natural)
    return [run for path in below for run in find_runs(path)]


def is_run(folder: Path) -> bool:
    """Tell whether a folder is that of an attack run, finished or not."""
    return is_finished(folder) or (folder / identity.FILE_NAME).is_file()


def is_finished(folder: Path) -> bool:
    """Tell whether a folder holds a run's results."""
    return (folder / results.FILE_NAME).is_file()


def _natural(path: Path) -> list[tuple[str, int]]:
    """Sort job-2 before job-10."""
    return [(text, int(digits or -1)) for text, digits in re.findall(r"([^0-9]*)([0-9]*)", path.name)]
