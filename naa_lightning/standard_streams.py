"""Standard output and error that lead nowhere once nobody reads them, so that a run goes on without its reader."""

import io
import logging
import os
import sys
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)

_NOBODY = "nobody reads the output any more; the run goes on"
_told: list[str] = []


class _Unbroken(io.TextIOWrapper):
    """Text to a file descriptor of which the null device takes the place when the pipe is closed at its other end."""

    def write(self, text: str) -> int:
        return self._unless_closed(super().write, text)

    def flush(self) -> None:
        self._unless_closed(super().flush)

    def _unless_closed(self, write: Callable[..., T], *arguments: str) -> T:
        try:
            return write(*arguments)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            _tell()
            return write(*arguments)


def survive_closed_pipes() -> None:
    """Have what is written to standard output and error go nowhere when its reader, such as `head`, has seen enough.

    A run says so, in its log and to standard error.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if type(stream) is io.TextIOWrapper:
            options = {option: getattr(stream, option) for option in ("encoding", "errors", "line_buffering")}
            setattr(sys, name, _Unbroken(stream.buffer, write_through=stream.write_through, **options))


def _tell() -> None:
    """Say it once, where a run has a log file: it is usual for other programs."""
    if not _told and any(isinstance(handler, logging.FileHandler) for handler in logging.getLogger().handlers):
        _told.append(_NOBODY)
        log.warning(_NOBODY)
        sys.stderr.write(f"{_NOBODY}\n")
