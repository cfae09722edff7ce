"""What the stages of a run share."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from pytorch_lightning import Callback, Trainer
from pytorch_lightning.loggers import Logger

from naa_lightning.callbacks.stopwatch import Stopwatch
from naa_lightning.config.attack_experiment import AttackExperiment
from naa_lightning.data import ImageDataModule
from naa_lightning.distributed.ranks import Ranks
from naa_lightning.runs.shown_names import shown_class_names
from naa_lightning.runs.trainer import make_trainer


class Notice(NamedTuple):
    """What seems wrong with a model that can be used all the same; empty for nothing.

    Args:
        guessing: Why it may know no more of the images than by guessing, judged by the few that it was asked for.
        attacking: What keeps the attack from working on it.
    """

    guessing: str = ""
    attacking: str = ""


@dataclass(frozen=True)
class RunContext:
    """An experiment with everything that its stages need to carry it out.

    Args:
        experiment: The composed experiment.
        data: The DataModule, set up for predicting.
        callbacks: The callbacks of every trainer of the run.
        loggers: The loggers of the run; none on ranks other than the first.
        ranks: The ranks that share the work.
        stopwatch: The stopwatch that counts this rank's seconds by phase.
        noticed: What the preflight found wrong with models that can be used all the same, by their names.
        labels_from: The surrogate whose predictions are the labels of the clean images; None where the data tell them.
    """

    experiment: AttackExperiment
    data: ImageDataModule
    callbacks: Sequence[Callback]
    loggers: Sequence[Logger]
    ranks: Ranks = field(default_factory=Ranks)
    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    noticed: dict[str, Notice] = field(default_factory=dict)
    labels_from: str | None = None

    @property
    def folder(self) -> Path:
        """The run's folder, where stages leave their files."""
        return Path(self.experiment.run.paths.run_dir)

    @cached_property
    def class_names(self) -> Sequence[str] | None:
        """What classes are called where people read it; None where nothing tells."""
        return shown_class_names(self.data.class_names, self.experiment.sources)

    def prediction_trainer(self, title: str) -> Trainer:
        """Make a trainer that predicts on this rank's device and logs nothing.

        Args:
            title: Name of the work.
        """
        return self.trainer(title, self.callbacks)

    def trainer(self, title: str, callbacks: Sequence[Callback], loggers: Sequence[Logger] = ()) -> Trainer:
        """Make a trainer for this rank's device.

        Args:
            title: Name of the work.
            callbacks: Callbacks of the trainer, in order.
            loggers: Loggers of the trainer.
        """
        return make_trainer(
            self.experiment.run.trainer,
            folder=self.folder,
            title=title,
            process=self.ranks.process,
            callbacks=callbacks,
            loggers=loggers,
        )
