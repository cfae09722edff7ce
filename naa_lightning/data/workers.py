"""Processes in which a data loader reads images."""

import signal


def leave_signals_to_main(worker: int) -> None:
    """Ignore what asks for a stop: a signal to all processes must not take a worker from a batch under way.

    Args:
        worker: Index of the data loader's worker, from 0; not used.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
