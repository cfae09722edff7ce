"""Why a job failed, in its folder."""

import json
from pathlib import Path

from naa_lightning.atomic import write_atomically
from naa_lightning.exceptions import in_one_line

FILE_NAME = "failed.json"


def write_failure(folder: Path, error: BaseException) -> None:
    """Write `failed.json` into a job's folder."""
    write_atomically(folder / FILE_NAME, json.dumps({"error": in_one_line(error)}) + "\n")


def forget_failure(folder: Path) -> None:
    """Remove what `write_failure` wrote, if it did."""
    (folder / FILE_NAME).unlink(missing_ok=True)


def read_failure(folder: Path) -> str | None:
    """Return why the job of a folder failed; None where it did not."""
    try:
        return str(json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))["error"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return f"for a reason that {FILE_NAME} does not tell"
