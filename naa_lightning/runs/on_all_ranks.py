"""A job of the command line on all its ranks: they are started where nothing else has done so, joined and stopped."""

import logging
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TypeVar

from pytorch_lightning.loggers import Logger
from rich.console import Console

from naa_lightning.config.attack_experiment import AttackExperiment
from naa_lightning.config.schema import AttackRun, TrainRun
from naa_lightning.config.training_experiment import TrainingExperiment
from naa_lightning.distributed.folder_lock import alone_in
from naa_lightning.distributed.launching import launch
from naa_lightning.distributed.process_info import ProcessInfo, detect_process
from naa_lightning.distributed.ranks import Ranks, joined
from naa_lightning.distributed.stopping import Stopped, asked_to_stop, stop_if_asked, stop_noted, stopped_at
from naa_lightning.engine.out_of_memory import is_out_of_memory
from naa_lightning.exceptions import UserError, reason_of
from naa_lightning.loggers.run import addresses
from naa_lightning.runs.trainer import local_ranks, make_trainer

E = TypeVar("E", AttackExperiment, TrainingExperiment)
R = TypeVar("R")


def on_all_ranks(experiment: E, work: Callable[[E, Ranks], R], *, resume_hint: str) -> R:
    """Do a job on the ranks that the configuration asks for, which are started here unless a cluster has done so.

    Args:
        experiment: Experiment that each rank gets.
        work: One rank's part of the job; it can be pickled.
        resume_hint: Words for a message on how a run goes on that was stopped or has lost a rank.

    Returns:
        The first rank's result.

    Raises:
        UserError: Another run is in the folder.
    """
    run, process = experiment.run, detect_process()
    _quieten(run)
    count = local_ranks(run.trainer, process)
    make_trainer(run.trainer, folder=Path(run.paths.run_dir), title="", process=process)  # refuses what is not there
    on_rank = partial(_on_rank, work=work, resume_hint=resume_hint)
    return launch(count, on_rank, experiment, resume_hint=resume_hint) if count > 1 else on_rank(experiment, process)


def _on_rank(experiment: E, process: ProcessInfo, *, work: Callable[[E, Ranks], R], resume_hint: str) -> R:
    """Do one rank's part; what fails after a signal to stop, such as a data loader's worker, has been stopped."""
    run = experiment.run
    _quieten(run)
    with joined(process) as ranks, stop_noted(resume_hint), ExitStack() as folder:
        try:
            # The first rank keeps the folder for all of them, also when what has started it is killed.
            ranks.from_first(lambda: folder.enter_context(alone_in(Path(run.paths.run_dir))))
            if run.extras.print_config and ranks.first:
                Console().print(asdict(run))
            stop_if_asked("start-up")  # a sweep whose job before was done when it could be stopped
            return work(experiment, ranks)
        except (Stopped, Exception) as error:
            # another rank may be asked to stop before this one is
            if not isinstance(error, Stopped) and not asked_to_stop():
                if is_out_of_memory(error) and not isinstance(error, UserError):
                    raise UserError(_out_of_memory(error, resume_hint)) from error
                raise
            stopped = error if isinstance(error, Stopped) else stopped_at()
            raise Stopped(f"{stopped}; {resume_hint}" if ranks.first else "", stopped.exit_code) from None


def _out_of_memory(error: BaseException, resume_hint: str) -> str:
    return (
        f"out of memory ({reason_of(error)}): give it more, or another device; what is saved so far is kept: "
        f"{resume_hint}; or give a smaller data.batch_size or data.image_size, or smaller models, in another folder"
    )


def print_results(path: Path, loggers: Sequence[Logger]) -> None:
    """Print where the results of a job are, also those that are online."""
    for place in (f"results: {path.resolve()}", *(f"W&B: {address}" for address in addresses(loggers))):
        Console().print(place, soft_wrap=True, highlight=False)


def _quieten(run: AttackRun | TrainRun) -> None:
    if run.extras.ignore_warnings:
        warnings.filterwarnings("ignore")
    for name in ("pytorch_lightning", "timm"):
        logging.getLogger(name).setLevel(logging.WARNING)
