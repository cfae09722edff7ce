"""Stopping in order when the system asks for it with SIGTERM."""

import atexit
import multiprocessing.util
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

CONTINUE_ME = os.EX_TEMPFAIL
"""Exit code of a run that was stopped and that the same command takes up again."""

# Senders such as `timeout` reach a process twice at once: by itself and with its group.
_AT_ONCE_SECONDS = 1.0
_requests: list[float] = []


class Stopped(SystemExit):
    """Ends a run that was asked to stop, with the exit code `CONTINUE_ME`.

    Args:
        message: Line on where the run stopped, and how it goes on.

    Example:
        >>> stopped = Stopped("stopped by SIGTERM")
        >>> str(stopped), stopped.code
        ('stopped by SIGTERM', 75)
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.code = CONTINUE_ME


@contextmanager
def sigterm_noted() -> Iterator[None]:
    """Have SIGTERM noted instead of ending the process, which `stop_if_asked` then does in order; a second one ends it.

    Nothing changes where SIGTERM is handled already, as by a launcher of jobs, or outside the main thread.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _note)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _requests.clear()


def asked_to_stop() -> bool:
    """Return whether a SIGTERM was noted."""
    return bool(_requests)


def stop_if_asked(doing: str) -> None:
    """End the run if a SIGTERM was noted.

    Args:
        doing: Name of the work that stops, for example "crafting naa on inception_v3".

    Raises:
        Stopped: It was.
    """
    if asked_to_stop():
        raise Stopped(f"stopped by SIGTERM at {doing}")


def end_workers() -> None:
    """End the workers that an error has left behind: Python would wait for them, who ignore its SIGTERM, at the end."""
    for worker in multiprocessing.active_children():
        worker.kill()


# Goes before the end of multiprocessing itself, which was registered when that was imported.
atexit.register(end_workers)


def _note(signum: int, frame: FrameType | None) -> None:
    if _requests and time.monotonic() - _requests[0] > _AT_ONCE_SECONDS:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    _requests.append(time.monotonic())
