"""Stopping between batches."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.utilities.exceptions import SIGTERMException

from naa_lightning.stopping import Stopped, stop_if_asked


class StopBetweenBatches(Callback):
    """Ends a run that was asked to stop as soon as a batch is done; see `naa_lightning.stopping`.

    It must be the last callback, so that the others have saved the batch. The module says in `title` what is done.
    """

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop before the first batch."""
        stop_if_asked(str(pl_module.title))

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stop after a batch."""
        stop_if_asked(str(pl_module.title))

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Stop after a batch."""
        stop_if_asked(str(pl_module.title))

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop before the first batch."""
        stop_if_asked(str(pl_module.title))

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Stop after a batch."""
        stop_if_asked(str(pl_module.title))

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Say what Lightning's own way of stopping a training does not: that the run is not done."""
        if isinstance(exception, SIGTERMException):
            raise Stopped(f"stopped by SIGTERM at {pl_module.title}") from exception
