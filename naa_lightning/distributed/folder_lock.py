"""Keeping a folder to the one run that is in it."""

import json
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from naa_lightning.distributed.stopping import asked_to_stop, stop_if_asked
from naa_lightning.exceptions import UserError

log = logging.getLogger(__name__)

FILE_NAME = ".lock"
# A process that was killed leaves workers behind, which hold the lock, too, until they notice.
ORPHANS_SECONDS = 15.0


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other runs, on all machines that share it, out of a folder; the system ends this when the process dies.

    Args:
        folder: The folder of the run, which is created.

    Raises:
        UserError: Another run is in it.
        Stopped: The run was asked to stop while it waited for what a killed process has left behind.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE_NAME
    lock = FileLock(path)
    try:
        held = lock.acquire(blocking=False)
    except Timeout:
        process, host = _owner(path)
        if host != socket.gethostname() or _lives(process):
            raise _in_use(folder, process, host) from None
        log.info("waiting for what process %s has left behind in %s", process, folder)
        try:
            held = lock.acquire(timeout=ORPHANS_SECONDS, cancel_check=asked_to_stop)
        except Timeout:
            stop_if_asked(f"waiting for {folder}")
            raise _in_use(folder, process, host) from None
    with held:
        path.write_text(json.dumps([os.getpid(), socket.gethostname()]), encoding="utf-8")
        yield


def _in_use(folder: Path, process: int | None, host: str | None) -> UserError:
    by = f"process {process} on {host}" if process else "another run"
    return UserError(f"{folder} is in use by {by}: wait for it, or choose another folder with hydra.run.dir=PATH")


def _owner(path: Path) -> tuple[int | None, str | None]:
    """Return the process that is in a folder and its machine, as far as it has said so yet."""
    try:
        process, host = json.loads(path.read_text(encoding="utf-8"))
        return int(process), str(host)
    except (OSError, ValueError, TypeError):
        return None, None


def _lives(process: int | None) -> bool:
    if process is None:
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
