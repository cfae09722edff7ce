"""Starting the ranks of a run on this machine and waiting for them.

`torch.distributed.elastic` ends the other ranks as soon as one fails, which leaves them no time to say what they found
wrong and to save their images, and it takes four signals from the process that launches for good. So ranks are started
by `torch.multiprocessing`, on which it is built.
"""

import logging
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import SimpleQueue, connection, get_context
from typing import Any, TypeAlias, TypeVar

from torch.multiprocessing import ProcessContext, ProcessExitedException, start_processes

from naa_lightning.distributed.process_info import ProcessInfo
from naa_lightning.distributed.stopping import (
    STOP_CODES,
    STOP_SIGNALS,
    Stopped,
    end_workers,
    noted_signal,
    stop_noted,
    stopped_at,
)
from naa_lightning.exceptions import RankError, UserError, in_one_line
from naa_lightning.standard_streams import survive_closed_pipes

T = TypeVar("T")
R = TypeVar("R")
# Of each rank by its index: the result of its work, what it raised, or the words in which it stopped.
Outcomes: TypeAlias = "SimpleQueue[tuple[int, Any]]"

# In seconds: for ranks to end by themselves when one has failed, and again after SIGTERM.
GRACE = 5.0


def launch(count: int, work: Callable[[T, ProcessInfo], R], argument: T, *, resume_hint: str) -> R:
    """Do something in several processes of this machine.

    Each is a fresh one, so that a sweep can do it again and again. A signal that asks for a stop is passed on to them,
    and a second one ends them. The first one logs to the terminal and to this process's files, the others their
    warnings.

    Args:
        count: Number of processes.
        work: Function of the argument and of the process's index among the ranks; it can be pickled.
        argument: Argument of the work; it can be pickled.
        resume_hint: Words for a message on how a run goes on that has lost a rank.

    Returns:
        The result of the first rank's work.

    Raises:
        UserError: A rank raised it, or was killed.
        Stopped: The ranks were asked to stop.
        RuntimeError: A rank failed otherwise.
    """
    # On a CPU the number of threads decides how convolutions are rounded, so each rank has as many as a process alone.
    # They are more than there are cores: those that wait must sleep.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    logging.getLogger("torch.multiprocessing.spawn").setLevel(logging.ERROR)  # of ranks that it ends
    outcomes: Outcomes = get_context("spawn").SimpleQueue()
    with stop_noted(resume_hint):
        with _stop_signals(signal.SIG_BLOCK):  # each rank lets them through once it can note them
            context: ProcessContext = start_processes(  # type: ignore[no-untyped-call]
                _be_rank, (count, work, argument, _log_files(), _free_address(), outcomes), nprocs=count, join=False
            )
        try:
            _wait(context)
        except ProcessExitedException as error:
            raise _explained(error, outcomes, resume_hint) from None
        finally:
            for process in context.processes:
                process.kill()
    result: R = dict(_all_of(outcomes))[0]
    return result


def _log_files() -> list[str]:
    return [
        handler.baseFilename for handler in logging.getLogger().handlers if isinstance(handler, logging.FileHandler)
    ]


def _free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"tcp://127.0.0.1:{server.getsockname()[1]}"


def _be_rank(
    rank: int,
    count: int,
    work: Callable[[T, ProcessInfo], R],
    argument: T,
    log_files: Sequence[str],
    address: str,
    outcomes: Outcomes,
) -> None:
    survive_closed_pipes()
    if rank == 0:
        handlers: list[logging.Handler] = [
            logging.StreamHandler(sys.stdout),
            *(logging.FileHandler(file) for file in log_files),
        ]
        logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=handlers)
    else:
        logging.basicConfig(level=logging.WARNING, format=f"rank {rank}: %(message)s")
    process = ProcessInfo(rank=rank, world_size=count, local_rank=rank, init_method=address)
    try:
        with stop_noted(), _stop_signals(signal.SIG_UNBLOCK):
            outcomes.put((rank, work(argument, process)))
    except UserError as error:
        outcomes.put((rank, type(error)(in_one_line(error))))
        sys.exit(1)
    except Stopped as stopped:
        if str(stopped):
            outcomes.put((rank, str(stopped)))
        raise
    except Exception:  # noqa: BLE001 - the process that waits raises it
        outcomes.put((rank, RuntimeError(f"rank {rank} failed:\n{traceback.format_exc()[-10_000:]}")))
        sys.exit(1)
    finally:
        end_workers()


@contextmanager
def _stop_signals(how: int) -> Iterator[None]:
    """Hold signals that ask for a stop back, or let them through, here and in processes that are started meanwhile."""
    before = signal.pthread_sigmask(how, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _wait(context: ProcessContext) -> None:
    """Wait until all ranks are done, or one has failed; those that were asked to stop take their time.

    Raises:
        ProcessExitedException: One has failed.
    """
    passed_on = False
    while running := [process for process in context.processes if process.is_alive()]:
        connection.wait([process.sentinel for process in running], timeout=0.2)
        if (noted := noted_signal()) is not None:
            if not passed_on:
                for process in running:
                    os.kill(process.pid, noted)
            passed_on = True
        elif any(process.exitcode for process in context.processes):
            break
    while not context.join(grace_period=GRACE):
        pass


def _explained(error: ProcessExitedException, outcomes: Outcomes, resume_hint: str) -> Exception | Stopped:
    found = [outcome for _, outcome in sorted(_all_of(outcomes), key=lambda outcome: outcome[0])]
    if error.exit_code in STOP_CODES:
        return Stopped(
            next((outcome for outcome in found if isinstance(outcome, str)), str(stopped_at())), error.exit_code
        )
    failures = [outcome for outcome in found if isinstance(outcome, Exception)]
    failures.sort(key=lambda failure: (not _is_cause(failure), isinstance(failure, RankError)))
    if failures and (_is_cause(failures[0]) or not error.signal_name):
        return failures[0]
    how = f"was killed ({error.signal_name})" if error.signal_name else f"ended with exit code {error.exit_code}"
    return UserError(f"rank {error.error_index} {how}; what is saved so far is kept: {resume_hint}")


def _is_cause(failure: Exception) -> bool:
    """Tell a mistake that a rank has found from what may only follow where another one has ended."""
    return isinstance(failure, UserError) and not isinstance(failure, RankError)


def _all_of(outcomes: Outcomes) -> list[tuple[int, Any]]:
    found = []
    while not outcomes.empty():
        found.append(outcomes.get())
    return found
