"""Waiting for the jobs of a sweep that submitit submitted: each ends in bounded time, and a lost one as a failure."""

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import NoReturn

from hydra.core.utils import JobReturn
from submitit import Job
from submitit.core.utils import pickle_load

from naa_lightning.exceptions import UserError, in_one_line
from naa_lightning.sweeps.job_error import error_of
from naa_lightning.sweeps.slurm_queue import SlurmQueue

POLL_SECONDS = 1.0  # between two looks for results

Signals = SimpleQueue[int]


@contextmanager
def signals_noted() -> Iterator[Signals]:
    """Have SIGINT and SIGTERM put into a queue, so that they end a sweep only once all of its jobs are submitted."""
    signals: Signals = SimpleQueue()
    handlers = {
        number: signal.signal(number, lambda signum, _: signals.put(signum))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield signals
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def outcomes(
    jobs: Sequence[Job[JobReturn]], signals: Signals, queue: SlurmQueue | None
) -> Iterator[tuple[int, JobReturn | UserError]]:
    """Yield the index of each job, as soon as it has ended, and what it returned or why nothing came of it.

    A failure is printed in one line.

    Args:
        jobs: Submitted jobs.
        signals: Numbers of the signals that were received.
        queue: SLURM's queue; None for processes on this machine.

    Raises:
        SystemExit: A signal was received.
    """
    awaited = dict(enumerate(jobs))
    while awaited:
        for index, job in list(awaited.items()):
            outcome = _outcome(job, queue)
            if outcome is not None:
                del awaited[index]
                yield index, outcome
        with suppress(Empty):
            _leave(list(awaited.values()), signals.get(timeout=POLL_SECONDS), queue)


def _outcome(job: Job[JobReturn], queue: SlurmQueue | None) -> JobReturn | UserError | None:
    tasks = [job.task(number).paths for number in range(job.num_tasks)]
    missing = [task for task in tasks if not _is_there(task.result_pickle)]
    if not missing:
        result = _read(tasks[0].result_pickle)
        if isinstance(result, str):
            return _lost(job, f"failed: {result}", tasks[0].stderr)
        if (error := error_of(result)) is not None:
            sys.stderr.write(f"error: job {job.job_id} of the sweep failed: {in_one_line(error)}\n")
        return result
    if not (job.done() if queue is None else queue.has_ended(job.job_id)):
        return None
    state = job.state if queue is None else queue.state_of(job.job_id)
    return _lost(job, f"ended without a result ({state})", missing[0].stderr)


def _is_there(path: Path) -> bool:
    with suppress(OSError):  # a folder whose mode is set is read anew from a network file system
        path.parent.chmod(path.parent.stat().st_mode)
    return path.exists()


def _read(path: Path) -> JobReturn | str:
    """Return what a task returned, or the last line of why it returned nothing."""
    try:
        status, result = pickle_load(path)
    except Exception as error:  # noqa: BLE001 - an object may raise anything where it is read
        return f"its result cannot be read: {in_one_line(error)}"
    return result.strip().splitlines()[-1] if status == "error" else result  # type: ignore[no-any-return]


def _lost(job: Job[JobReturn], how: str, log: Path) -> UserError:
    error = UserError(f"job {job.job_id} of the sweep {how}; its log: {log}")
    sys.stderr.write(f"error: {error}\n")
    return error


def _leave(awaited: Sequence[Job[JobReturn]], signum: int, queue: SlurmQueue | None) -> NoReturn:
    """End the program: processes on this machine end with it, jobs of a cluster go on."""
    sys.stderr.write(f"interrupted by {signal.Signals(signum).name}\n")
    if queue is None:
        for job in awaited:
            job.cancel(check=False)
    elif awaited:
        ids = sorted({job.job_id.partition("_")[0] for job in awaited}, key=int)
        sys.stderr.write(
            f"{len(awaited)} jobs go on without this process and write into their folders: `squeue --me` shows them, "
            f"`scancel {' '.join(ids)}` ends them\n"
        )
    raise SystemExit(128 + signum)
