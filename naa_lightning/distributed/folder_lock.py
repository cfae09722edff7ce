"""Keeping a folder to the one run that is in it."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from naa_lightning.exceptions import FolderInUseError

FILE_NAME = ".lock"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other runs, on all machines that share it, out of a folder; the system ends this when the process dies.

    Args:
        folder: The folder of the run, which is created.

    Raises:
        FolderInUseError: Another run is in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE_NAME
    try:
        held = FileLock(path).acquire(blocking=False)
    except Timeout:
        raise FolderInUseError(f"{folder} is in use by {_owner(path)}: wait for it, or choose another folder") from None
    with held:
        path.write_text(json.dumps([os.getpid(), socket.gethostname()]), encoding="utf-8")
        yield


def _owner(path: Path) -> str:
    """Return the process that is in a folder and its machine, as far as it has said so yet."""
    try:
        process, host = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return "another run"
    return f"process {process} on {host}"
