"""Stopping between batches."""

import signal
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.utilities.exceptions import SIGTERMException

from naa_lightning.distributed.stopping import asked_to_stop, stop_if_asked, stopped_at


class StopBetweenBatches(Callback):
    """Ends a run that was asked to stop as soon as a batch is done; see `naa_lightning.distributed.stopping`.

    Ranks that train together end after the same training batch, whichever of them was asked. This must be the last
    callback, so that the others have saved the batch. The module names the work in its attribute `title`.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Remember who handles SIGTERM before Lightning does."""
        self._handler = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop before the first batch; of several ranks, take SIGTERM back from Lightning.

        Lightning's handler has each rank wait for the others in the middle of whatever they exchange.
        """
        if trainer.world_size > 1:
            signal.signal(signal.SIGTERM, self._handler)
        self._stop_if_asked(trainer, pl_module)

    on_test_start = on_predict_start = on_train_start

    def _stop_if_asked(self, trainer: Trainer, pl_module: LightningModule, *_: Any, **__: Any) -> None:
        if trainer.world_size == 1:
            stop_if_asked(str(pl_module.title))

    on_train_epoch_start = on_validation_batch_end = on_test_batch_end = on_predict_batch_end = _stop_if_asked

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stop all ranks if one was asked."""
        if trainer.strategy.reduce_boolean_decision(asked_to_stop(), all=False):
            raise stopped_at(str(pl_module.title))

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Say what Lightning's own way of stopping a training does not: that the run is not done."""
        if isinstance(exception, SIGTERMException):
            raise stopped_at(str(pl_module.title)) from exception
