"""Processes in which a data loader reads images."""

import signal


def ignore_sigterm(worker: int) -> None:
    """Leave SIGTERM to the main process: a signal to all processes must not take a worker from a batch under way.

    Args:
        worker: Index of the data loader's worker, from 0; not used.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
