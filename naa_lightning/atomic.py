"""Writing files that are never found half written."""

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}")


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write a file, and its folders, so that it is there whole or not at all.

    This holds whenever the process is killed or the machine loses power, and also where several processes, perhaps on
    several machines, write the same file.

    Raises:
        OSError: The file cannot be written; `filename` says which.
    """
    with written_whole(path) as temporary, temporary.open("xb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Write a file or folder elsewhere in a block of code; at its end it gets its name, or it is removed.

    Args:
        path: The file or folder, whose own folder is made where there is none.

    Yields:
        Where to write it.

    Raises:
        OSError: It cannot be written; `filename` says which.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(temporary_name(path))
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        error.filename = str(path)  # a full disk names no file
        raise
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        temporary.unlink(missing_ok=True)


def leftovers(folder: Path) -> Iterator[Path]:
    """Find what processes that were killed while they wrote have left in a folder and those below it."""
    return (path for path in folder.rglob(".*") if _TEMPORARY.fullmatch(path.name) and path.is_file())


def temporary_name(path: Path) -> str:
    """Return what a file is called, beside its place, until it is whole; another name each time."""
    return f".{path.name}.{secrets.token_hex(4)}"
