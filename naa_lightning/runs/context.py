"""What the stages of a run work with."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytorch_lightning import Callback, Trainer
from pytorch_lightning.loggers import Logger

from naa_lightning.callbacks.stopwatch import Stopwatch
from naa_lightning.config.attack_experiment import AttackExperiment
from naa_lightning.data import ImageDataModule
from naa_lightning.distributed.ranks import Ranks
from naa_lightning.runs.trainer import make_trainer


@dataclass(frozen=True)
class Bench:
    """An experiment with its data set up.

    Args:
        experiment: What is run.
        data: Set up.
        callbacks: Of every trainer.
        loggers: Of the run.
        ranks: Share the work.
        stopwatch: Takes what each phase of the run needs, on this rank.
    """

    experiment: AttackExperiment
    data: ImageDataModule
    callbacks: Sequence[Callback]
    loggers: Sequence[Logger]
    ranks: Ranks = field(default_factory=Ranks)
    stopwatch: Stopwatch = field(default_factory=Stopwatch)

    @property
    def folder(self) -> Path:
        """Takes what the run leaves."""
        return Path(self.experiment.run.paths.run_dir)

    def asking(self) -> Trainer:
        """Make a trainer that asks models and logs nothing."""
        return make_trainer(self.experiment.run.trainer, place=self.ranks.place, callbacks=self.callbacks)
