"""The folders of runs: finding them, their state and their order."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from naa_lightning.records import crafting_json
from naa_lightning.records.results import FILE_NAME

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def find_runs(folder: Path) -> list[Path]:
    """Return the folders below one that hold attack runs, finished or not, in natural order.

    Runs inside a job, as a study of layers has them, are not looked for.

    Args:
        folder: The folder of a sweep, or of a run, which then is the only one.
    """
    if is_run(folder):
        return [folder]
    if _job(folder) is not None:
        return []
    below = sorted((path for path in folder.iterdir() if path.is_dir()), key=_natural)
    return [run for path in below for run in find_runs(path)]


def is_run(folder: Path) -> bool:
    """Tell whether a folder is that of an attack run, finished or not."""
    job = _job(folder) or {}
    begun = job.get("task_name") == "attack" and job.get("study") is None
    return is_finished(folder) or (folder / crafting_json.FILE_NAME).is_file() or begun


def is_finished(folder: Path) -> bool:
    """Tell whether a folder holds a run's results."""
    return (folder / FILE_NAME).is_file()


def in_job_order(folders: Sequence[Path]) -> list[Path]:
    """Sort folders of runs as the sweep numbered its jobs; those without a number come last, as they stand."""

    def number(folder: Path) -> float:
        found: Any = _job(folder, "hydra.yaml")
        for key in ("hydra", "job", "num"):
            found = found.get(key) if isinstance(found, Mapping) else None
        return found if isinstance(found, int) else math.inf

    return sorted(folders, key=number)


def _job(folder: Path, name: str = "config.yaml") -> Mapping[str, Any] | None:
    """Return the configuration of a folder's job, empty where it cannot be read; None where there is none."""
    path = folder / ".hydra" / name
    if not path.is_file():
        return None
    try:
        job = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return job if isinstance(job, Mapping) else {}


def _natural(path: Path) -> list[tuple[str, int]]:
    """Sort job-2 before job-10."""
    return [(text, int(digits or -1)) for text, digits in re.findall(r"([^0-9]*)([0-9]*)", path.name)]
