"""Keeping processes from doing the same thing at the same time."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from naa_lightning.distributed.stopping import stop_if_asked

log = logging.getLogger(__name__)


@contextmanager
def one_at_a_time(path: Path, title: str) -> Iterator[None]:
    """Wait until no other process on machines that share a folder is inside for the same file.

    Args:
        path: Of a file that is made for this.
        title: What is done, in words.

    Raises:
        Stopped: SIGTERM asked for it while this waited.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    told = False
    while not lock.is_locked:
        try:
            lock.acquire(blocking=False)
        except Timeout:
            if not told:
                log.info("%s: waiting for another process that does so", title)
            told = True
            stop_if_asked(title)
            time.sleep(0.2)
    try:
        yield
    finally:
        lock.release()
