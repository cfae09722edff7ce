"""Processes in which a data loader reads images."""

import signal


def useful_workers(num_workers: int, images: int, batch_size: int) -> int:
    """Return how many processes there is work for: one that gets no batch would only take time to start.

    Args:
        num_workers: The number of processes that may be used.
        images: The number of images.
        batch_size: The number of images per batch.

    Example:
        >>> useful_workers(500, images=5, batch_size=2), useful_workers(2, images=5, batch_size=2)
        (3, 2)
    """
    return min(num_workers, -(-images // batch_size))


def leave_signals_to_main(worker: int) -> None:
    """Ignore what asks for a stop: a signal to all processes must not take a worker from a batch under way.

    Args:
        worker: Index of the data loader's worker, from 0; not used.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
