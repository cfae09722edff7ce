"""Where the time of a run goes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

OTHER = "other"
"""The phase of the time that no other one takes."""


class Stopwatch:
    """Counts seconds by phase. A phase within another one takes its time from that one, so that all add up.

    Args:
        began: Time at which the run began, as `time.perf_counter` gives it; None for now.

    Example:
        >>> stopwatch = Stopwatch()
        >>> with stopwatch.phase("crafting"), stopwatch.phase("waiting"):
        ...     pass
        >>> list(stopwatch.seconds())
        ['other', 'crafting', 'waiting']
    """

    def __init__(self, began: float | None = None) -> None:
        self._seconds: dict[str, float] = {OTHER: 0.0}
        self._phases = [OTHER]
        self._since = time.perf_counter() if began is None else began

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the time of a block of code to a phase.

        Args:
            name: Name of the phase.
        """
        self._lap()
        self._phases.append(name)
        self._seconds.setdefault(name, 0.0)
        try:
            yield
        finally:
            self._lap()
            self._phases.pop()

    def move(self, name: str, seconds: float | None = None) -> None:
        """Count time to a phase instead of to the current one.

        Args:
            name: Name of the phase.
            seconds: Time of the current phase that is moved, in seconds; None for all so far.
        """
        self._lap()
        current = self._phases[-1]
        moved = self._seconds[current] if seconds is None else seconds
        self._seconds[current] -= moved
        self._seconds[name] = self._seconds.get(name, 0.0) + moved

    def seconds(self) -> dict[str, float]:
        """Return the seconds of each phase so far."""
        self._lap()
        return dict(self._seconds)

    def _lap(self) -> None:
        now = time.perf_counter()
        self._seconds[self._phases[-1]] += now - self._since
        self._since = now
