"""The job of `train.py`: a training on all its ranks."""

from dataclasses import asdict
from pathlib import Path

from pytorch_lightning import Callback
from pytorch_lightning.loggers import Logger

from naa_lightning.config.training_experiment import TrainingExperiment
from naa_lightning.distributed.ranks import Ranks
from naa_lightning.loggers.run import logging_to
from naa_lightning.runs.on_all_ranks import on_all_ranks, print_results
from naa_lightning.runs.stages.training import train
from naa_lightning.runs.trainer import make_all


def run_training(experiment: TrainingExperiment) -> float:
    """Train a classifier and keep its weights where attack runs look for them.

    Where the configuration asks for several processes, they are started here, unless a cluster has done so.

    Args:
        experiment: Model, recipe and data, composed and checked.

    Returns:
        What a sweep optimises, the score of the best epoch on the validation images; see `train`.

    Raises:
        UserError: Something in the recipe or the data is not as it must be.
        Stopped: SIGTERM or Ctrl-C asked for it; the epochs that are finished are saved.
    """
    return on_all_ranks(experiment, _train, resume_hint="the same command goes on with the last finished epoch")


def _train(experiment: TrainingExperiment, ranks: Ranks) -> float:
    run, plan = experiment.run, experiment.plan
    callbacks = make_all(Callback, run.callbacks, "callbacks")
    with logging_to(make_all(Logger, run.logger, "logger") if ranks.first else [], asdict(run)) as loggers:
        folder = Path(run.paths.run_dir)
        score = train(plan, run.trainer, callbacks, loggers, folder=folder, ranks=ranks, ckpt_path=run.ckpt_path)
    if ranks.first:
        print_results(plan.weights_path, loggers)
    return score
