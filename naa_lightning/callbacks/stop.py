"""Stopping between batches."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.utilities.exceptions import SIGTERMException

from naa_lightning.processes.stopping import Stopped, stop_if_asked


class StopBetweenBatches(Callback):
    """Ends a run that was asked to stop as soon as a batch is done; see `naa_lightning.processes.stopping`.

    It must be the last callback, so that the others have saved the batch. The module says in `title` what is done.
    """

    def _stop_if_asked(self, trainer: Trainer, pl_module: LightningModule, *batch: Any, **place: Any) -> None:
        stop_if_asked(str(pl_module.title))

    on_train_start = on_predict_start = _stop_if_asked
    on_train_batch_end = on_validation_batch_end = on_predict_batch_end = _stop_if_asked

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Say what Lightning's own way of stopping a training does not: that the run is not done."""
        if isinstance(exception, SIGTERMException):
            raise Stopped(f"stopped by SIGTERM at {pl_module.title}") from exception
