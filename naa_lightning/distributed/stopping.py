"""Stopping in order when SIGTERM or Ctrl-C asks for it."""

import atexit
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NamedTuple


class _StopSignal(NamedTuple):
    """A signal that asks for a stop: its name in messages, the exit code of what it ended, and its usual handler."""

    name: str
    exit_code: int
    usual: Callable[[int, FrameType | None], object] | signal.Handlers


STOP_SIGNALS = {
    signal.SIGTERM: _StopSignal("SIGTERM", os.EX_TEMPFAIL, signal.SIG_DFL),
    signal.SIGINT: _StopSignal("Ctrl-C", 128 + signal.SIGINT, signal.default_int_handler),
}
STOP_CODES = frozenset(stop.exit_code for stop in STOP_SIGNALS.values())
"""Exit codes of what was stopped, and what the same command takes up again."""

# Senders such as `timeout` reach a process twice at once: by itself and with its group.
_AT_ONCE_SECONDS = 1.0
_requests: list[tuple[signal.Signals, float]] = []
# How what is stopped goes on: outside of any work, and then of each piece of work that is under way.
_hints = [""]


class Stopped(SystemExit):
    """Ends a run that was asked to stop.

    Args:
        message: Line on where the run stopped, and how it goes on.
        code: Exit code, one of `STOP_CODES`.

    Example:
        >>> stopped = Stopped("stopped by Ctrl-C", 130)
        >>> str(stopped), stopped.code
        ('stopped by Ctrl-C', 130)
    """

    def __init__(self, message: str, code: int = os.EX_TEMPFAIL) -> None:
        super().__init__(message)
        self.code = self.exit_code = code


def handle_stop_signals() -> list[signal.Signals]:
    """Have SIGTERM and Ctrl-C end the program with a line and its exit code; while `stop_noted`, have them noted.

    Nothing changes for one that is handled or ignored already, as by a launcher of jobs or `nohup`, or outside the main
    thread.

    Returns:
        Those that had their usual handlers before.
    """
    main = threading.current_thread() is threading.main_thread()
    taken = [number for number, stop in STOP_SIGNALS.items() if main and signal.getsignal(number) == stop.usual]
    for number in taken:
        signal.signal(number, _take)
    return taken


@contextmanager
def stop_noted(resume_hint: str = "") -> Iterator[None]:
    """Have SIGTERM and Ctrl-C noted, so that `stop_if_asked` stops the work in order; a second one ends the program.

    Args:
        resume_hint: Words on how the work goes on that a second signal has ended.
    """
    taken = handle_stop_signals()
    _hints.append(resume_hint)
    try:
        yield
    finally:
        _hints.pop()
        for number in taken:
            signal.signal(number, STOP_SIGNALS[number].usual)
        if taken:
            _requests.clear()


def hint_outside_work(resume_hint: str) -> None:
    """Say how the program goes on that a signal ends between two pieces of work."""
    _hints[0] = resume_hint


def noted_signal() -> signal.Signals | None:
    """Return the signal that was noted first, if any."""
    return _requests[0][0] if _requests else None


def asked_to_stop() -> bool:
    """Return whether a signal was noted."""
    return bool(_requests)


def stop_if_asked(doing: str) -> None:
    """End the run if a signal was noted.

    Args:
        doing: Name of the work that stops, for example "crafting naa on inception_v3".

    Raises:
        Stopped: One was.
    """
    if asked_to_stop():
        raise stopped_at(doing)


def stopped_at(doing: str | None = None) -> Stopped:
    """Return what ends a run that was asked to stop, here or in another process, which is taken for SIGTERM.

    Args:
        doing: Name of the work that stops, if it is known.
    """
    stop = STOP_SIGNALS[noted_signal() or signal.SIGTERM]
    return Stopped(f"stopped by {stop.name}" + (f" at {doing}" if doing else ""), stop.exit_code)


def end_workers() -> None:
    """End the workers that an error has left behind: Python would wait for them, who ignore its SIGTERM, at the end."""
    for worker in multiprocessing.active_children():
        worker.kill()


# Goes before the end of multiprocessing itself, which was registered when that was imported.
atexit.register(end_workers)


def _take(number: int, frame: FrameType | None) -> None:
    """Note a signal while work is under way, for the first time; otherwise end the program.

    Ranks that this program has started are ended by it alone: a terminal reaches them as well as it does.
    """
    at_work, is_rank, now = len(_hints) > 1, multiprocessing.parent_process() is not None, time.monotonic()
    if not at_work or (_requests and now - _requests[0][1] > _AT_ONCE_SECONDS and not is_rank):
        end_workers()
        stop = STOP_SIGNALS[signal.Signals(number)]
        _tell(f"stopped by {stop.name}" + (f"; {_hints[-1]}" if _hints[-1] else ""))
        os._exit(stop.exit_code)
    if number == signal.SIGINT and not _requests and not is_rank:
        _tell("finishing what was begun, such as a batch; Ctrl-C again ends it at once")
    _requests.append((signal.Signals(number), now))


def _tell(line: str) -> None:
    """Write a line to standard error, in whose own buffer the signal may have come."""
    begin = "\x1b[?25h\n" if sys.stderr.isatty() else ""  # a progress bar hides the cursor
    with suppress(OSError):
        os.write(2, f"{begin}{line}\n".encode())
