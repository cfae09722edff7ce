"""Which W&B run a run's folder is: one, whenever and by whichever program it is logged."""

import os
import secrets
from pathlib import Path

from pydantic import ValidationError

from naa_lightning.exceptions import UserError
from naa_lightning.records.json_file import Part, write_as

FILE_NAME = "wandb_run.json"


class FolderRun(Part):
    """The W&B run of a folder.

    Args:
        id: Its id.
        swept: The keys of the configuration that a sweep of W&B chose.
    """

    id: str
    swept: tuple[str, ...] = ()


def run_of(folder: Path, asked: str | None = None) -> FolderRun:
    """Return the W&B run that a folder is, from now on.

    An agent of a W&B sweep decides its id, as it does for W&B itself; else the one that is asked for counts, or that of
    the environment, WANDB_RUN_ID, or the one that the folder has had, or a new one.

    Args:
        folder: The run's folder.
        asked: The id that is asked for; None for none.

    Raises:
        UserError: The file that keeps the id is damaged.
    """
    of_environment = os.environ.get("WANDB_RUN_ID")
    of_agent = of_environment if os.environ.get("WANDB_SWEEP_ID") else None
    kept = kept_run(folder)
    id = of_agent or asked or of_environment or (kept.id if kept else secrets.token_hex(8))
    return kept if kept and kept.id == id else keep(FolderRun(id=id), folder)


def kept_run(folder: Path) -> FolderRun | None:
    """Return the W&B run that a folder was last; None where it was never logged.

    Raises:
        UserError: The file that keeps it is damaged.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        return None
    try:
        return FolderRun.model_validate_json(path.read_bytes())
    except ValidationError as error:
        remedy = 'write {"id": "..."} with the id of the W&B run into it, or delete it to log the run as a new one'
        raise UserError(f"{path} is damaged: {remedy}") from error


def keep(run: FolderRun, folder: Path) -> FolderRun:
    """Write down which W&B run a folder is, and return it."""
    write_as(run, folder / FILE_NAME)
    return run
