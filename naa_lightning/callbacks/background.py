"""Doing small pieces of work while the caller goes on."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType


class Background:
    """Threads that do pieces of work, such as writing files, in a block of code; the block ends when all are done.

    That holds however the block ends: nothing handed over is lost but to a killed process.

    Args:
        threads: Number of pieces that are done at once.
        waiting: Largest number of pieces, done or not, that may be outstanding; the next one waits for the first of
            them, which bounds the memory that they hold.

    Raises:
        Exception: A piece of work raised it. The caller learns of it when pieces handed over before are done, with the
            next pieces or at the end of the block, unless the block itself fails.

    Example:
        >>> done = []
        >>> with Background(threads=1, waiting=2) as background:
        ...     for number in range(4):
        ...         background.do(lambda number=number: done.append(number))
        >>> done
        [0, 1, 2, 3]
    """

    def __init__(self, *, threads: int, waiting: int) -> None:
        self._pool = ThreadPoolExecutor(threads)
        self._waiting = waiting
        self._outstanding: deque[Future[None]] = deque()

    def do(self, *pieces: Callable[[], None]) -> None:
        """Hand over pieces of work, each after waiting until there is room for it.

        Args:
            *pieces: Functions that do the work.

        Raises:
            Exception: A piece handed over before, or one of these, raised it; all of these were handed over.
        """
        failed: list[Future[None]] = []
        for work in pieces:
            while self._outstanding and (self._outstanding[0].done() or len(self._outstanding) >= self._waiting):
                piece = self._outstanding.popleft()
                if piece.exception() is not None:
                    failed.append(piece)
            self._outstanding.append(self._pool.submit(work))
        if failed:
            failed[0].result()

    def __enter__(self) -> "Background":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()
        if error is None:
            for piece in self._outstanding:
                piece.result()
