"""Keeping processes from doing the same thing at the same time."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from naa_lightning.distributed.stopping import asked_to_stop, stop_if_asked

log = logging.getLogger(__name__)


@contextmanager
def exclusive(path: Path, title: str) -> Iterator[None]:
    """Wait until no other process, on any machine that shares the folder, holds the same lock.

    Args:
        path: Path of the lock file, which is created with its folder.
        title: Name of the work in messages, for example "training resnet50".

    Raises:
        Stopped: SIGTERM or Ctrl-C asked for it during the wait.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        held = lock.acquire(blocking=False)
    except Timeout:
        log.info("%s: waiting for another process that does so", title)
        try:
            held = lock.acquire(cancel_check=asked_to_stop)
        except Timeout:  # there is no deadline: the wait was cancelled
            stop_if_asked(title)
            raise
    with held:
        yield
