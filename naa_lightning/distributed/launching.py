"""Starting the ranks of a run on this machine and waiting for them."""

import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import SimpleQueue, connection, get_context
from typing import Any, TypeVar

from lightning_fabric.plugins.environments.lightning import find_free_network_port
from torch.multiprocessing.spawn import ProcessContext, ProcessExitedException, start_processes

from naa_lightning.distributed.ranks import Place
from naa_lightning.distributed.stopping import CONTINUE_ME, Stopped, end_workers
from naa_lightning.exceptions import RankError, UserError, in_one_line

T = TypeVar("T")
R = TypeVar("R")

# In seconds: for ranks to end by themselves when one has failed, and again to finish what they are at.
GRACE = 5.0


def in_ranks(count: int, work: Callable[[T, Place], R], argument: T, *, going_on: str) -> R:
    """Do something in several processes of this machine.

    Each is a fresh one, so that a sweep can do it again and again. SIGTERM is passed on to them. The first one logs to
    the terminal and to this process's files, the others their warnings.

    Args:
        count: How many.
        work: Is given the argument and the process's place.
        argument: Can be pickled.
        going_on: How a run goes on that lost a rank, in words.

    Returns:
        What the first rank's work returned.

    Raises:
        UserError: A rank raised it, or was killed.
        Stopped: The ranks were asked to stop.
        RuntimeError: A rank failed otherwise.
    """
    # On a CPU the number of threads decides how convolutions are rounded, so each rank has as many as a process alone.
    # They are more than there are cores: those that wait must sleep.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    answers: SimpleQueue[tuple[int, Any]] = get_context("spawn").SimpleQueue()
    rendezvous = f"tcp://127.0.0.1:{find_free_network_port()}"
    logging.getLogger("torch.multiprocessing.spawn").setLevel(logging.ERROR)  # of ranks that it ends
    context: ProcessContext = start_processes(  # type: ignore[no-untyped-call]
        _be_rank, (count, work, argument, _log_files(), rendezvous, answers), nprocs=count, join=False
    )
    try:
        with _passing_on_sigterm(context) as asked:
            _wait(context, asked)
    except ProcessExitedException as error:
        raise _explained(error, answers, going_on) from None
    finally:
        for process in context.processes:
            process.kill()
    answer: R = next(answer for rank, answer in _all_of(answers) if rank == 0)
    return answer


def _log_files() -> list[str]:
    return [
        handler.baseFilename for handler in logging.getLogger().handlers if isinstance(handler, logging.FileHandler)
    ]


def _be_rank(
    rank: int,
    count: int,
    work: Callable[[T, Place], R],
    argument: T,
    log_files: Sequence[str],
    rendezvous: str,
    answers: "SimpleQueue[tuple[int, Any]]",
) -> None:
    if rank == 0:
        handlers: list[logging.Handler] = [
            logging.StreamHandler(sys.stdout),
            *(logging.FileHandler(file) for file in log_files),
        ]
        logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=handlers)
    else:
        logging.basicConfig(level=logging.WARNING, format=f"rank {rank}: %(message)s")
    place = Place(rank=rank, world_size=count, local_rank=rank, local_size=count, rendezvous=rendezvous)
    try:
        answers.put((rank, work(argument, place)))
    except UserError as error:
        answers.put((rank, type(error)(in_one_line(error))))
        sys.exit(1)
    except Stopped as stopped:
        if str(stopped):
            answers.put((rank, str(stopped)))
        raise
    except Exception:  # noqa: BLE001 - the process that waits raises it
        answers.put((rank, RuntimeError(f"rank {rank} failed:\n{traceback.format_exc()[-10_000:]}")))
        sys.exit(1)
    finally:
        end_workers()


@contextmanager
def _passing_on_sigterm(context: ProcessContext) -> Iterator[list[int]]:
    """Pass SIGTERM on; the list that is yielded then has an element."""
    asked: list[int] = []

    def pass_on(number: int, frame: object) -> None:
        asked.append(number)
        for process in context.processes:
            process.terminate()

    before = signal.signal(signal.SIGTERM, pass_on)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before)


def _wait(context: ProcessContext, asked: list[int]) -> None:
    """Wait until all ranks are done, or one has failed; those that were asked to stop take their time.

    Raises:
        ProcessExitedException: One has failed.
    """
    while running := [process for process in context.processes if process.is_alive()]:
        connection.wait([process.sentinel for process in running], timeout=1)
        if not asked and any(process.exitcode for process in context.processes):
            break
    while not context.join(grace_period=GRACE):
        pass


def _explained(
    error: ProcessExitedException, answers: "SimpleQueue[tuple[int, Any]]", going_on: str
) -> Exception | Stopped:
    told = [answer for _, answer in sorted(_all_of(answers), key=lambda told: told[0])]
    if error.exit_code == CONTINUE_ME:
        return Stopped(next((answer for answer in told if isinstance(answer, str)), "stopped by SIGTERM"))
    failures = [answer for answer in told if isinstance(answer, Exception)]
    failures.sort(key=lambda failure: (not _says_why(failure), isinstance(failure, RankError)))
    if failures and (_says_why(failures[0]) or not error.signal_name):
        return failures[0]
    how = f"was killed ({error.signal_name})" if error.signal_name else f"ended with exit code {error.exit_code}"
    return UserError(f"rank {error.error_index} {how}; what is saved so far is kept: {going_on}")


def _says_why(failure: Exception) -> bool:
    """Tell a mistake that a rank has found from what may only follow where another one has ended."""
    return isinstance(failure, UserError) and not isinstance(failure, RankError)


def _all_of(answers: "SimpleQueue[tuple[int, Any]]") -> list[tuple[int, Any]]:
    found = []
    while not answers.empty():
        found.append(answers.get())
    return found
