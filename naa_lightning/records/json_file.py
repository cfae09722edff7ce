"""JSON files of a run, whose content a pydantic model describes."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from naa_lightning.atomic import write_atomically
from naa_lightning.exceptions import UserError

SCHEMA_VERSION = 2
"""The version of the files that this program writes; it reads all up to it."""

_Model = TypeVar("_Model", bound=BaseModel)


class Part(BaseModel):
    """A part of a file, which is never changed, and passes over what it does not know."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class _Versioned(Part):
    schema_version: int = 1


def write_as(content: BaseModel, path: Path) -> None:
    """Write a JSON file."""
    write_atomically(path, content.model_dump_json(indent=2) + "\n")


def read_as(kind: type[_Model], path: Path) -> _Model:
    """Read a JSON file that a run has written.

    Args:
        kind: The description of its content, which may have a `schema_version`.
        path: The file.

    Raises:
        UserError: The file is missing, is not what a run writes, or is of a later version.
    """
    try:
        content = path.read_bytes()
        version = _Versioned.model_validate_json(content).schema_version
        if version > SCHEMA_VERSION:
            raise UserError(f"{path} has version {version}, this program reads up to {SCHEMA_VERSION}: update it")
        return kind.model_validate_json(content)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file; a run writes it when it is done") from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        where = f"{place}: " if place else ""
        raise UserError(f"{path} is damaged: {where}{first['msg']}; run again to have it rewritten") from error
