"""Progress bars for training, crafting and evaluating."""

from datetime import timedelta
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.utilities.data import extract_batch_size
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f} {task.fields['unit']}/s")


class ProgressBar(Callback):
    """One line per phase: what is done, how far, how fast, time left.

    The module names the work in its attribute `title`. Without a terminal only the finished line is printed, and one
    line for each epoch of a training.
    """

    def __init__(self) -> None:
        self._bar: Progress | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count steps, from those of the checkpoint that the training goes on from."""
        self._start(trainer, pl_module, int(trainer.estimated_stepping_batches), "steps")
        self._advance(trainer.global_step)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Advance by a step."""
        self._advance(1)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say how good the epoch before was."""
        accuracies = [
            f"{name.removeprefix('val/').replace('_', ' ')} {100 * float(value):.1f} %"
            for name, value in trainer.callback_metrics.items()
            if name.startswith("val/") and name.endswith("accuracy")
        ]
        if self._bar is None:
            return
        (task,) = self._bar.tasks
        self._bar.update(task.id, description=f"{pl_module.title}: {', '.join(accuracies)}")
        if not self._bar.console.is_terminal:
            epoch = f"epoch {trainer.current_epoch + 1} of {trainer.max_epochs}"
            left = "" if task.time_remaining is None else f", {timedelta(seconds=round(task.time_remaining))} left"
            self._bar.console.print(f"{task.description}, {epoch}{left}", soft_wrap=True, highlight=False)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Close the bar."""
        self._stop()

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count images."""
        self._start(trainer, pl_module, len(trainer.predict_dataloaders.sampler), "images")  # type: ignore[union-attr]

    def on_predict_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, *_: Any
    ) -> None:
        """Advance by a batch."""
        self._advance(extract_batch_size(batch))

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Close the bar."""
        self._stop()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Leave the terminal as it was."""
        self._stop()

    def _start(self, trainer: Trainer, module: LightningModule, total: int, unit: str) -> None:
        if not trainer.is_global_zero:
            return
        self._bar = Progress(
            TextColumn("{task.description}", table_column=Column()),  # wraps where the terminal is narrow
            BarColumn(bar_width=20),
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            _Rate(table_column=Column(no_wrap=True)),
            TimeRemainingColumn(table_column=Column(no_wrap=True)),
            console=Console(),
        )
        self._bar.start()
        self._bar.add_task(str(module.title), total=total, unit=unit)

    def _advance(self, steps: int) -> None:
        if self._bar is not None:
            self._bar.advance(self._bar.task_ids[0], steps)

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
