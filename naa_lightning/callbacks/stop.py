"""Stopping between batches."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.utilities.exceptions import SIGTERMException

from naa_lightning.distributed.stopping import Stopped, asked_to_stop, stop_if_asked


class StopBetweenBatches(Callback):
    """Ends a run that was asked to stop as soon as a batch is done; see `naa_lightning.distributed.stopping`.

    Ranks that train together end after the same training batch, whichever of them was asked. It must be the last
    callback, so that the others have saved the batch. The module says in `title` what is done.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Keep Lightning from handling SIGTERM in several ranks: its handler lets each wait for the others at once."""
        if trainer.world_size > 1:
            trainer._signal_connector.register_signal_handlers = _nothing  # type: ignore[method-assign]

    def _stop_if_asked(self, trainer: Trainer, pl_module: LightningModule, *batch: Any, **place: Any) -> None:
        if trainer.world_size == 1:
            stop_if_asked(str(pl_module.title))

    on_train_start = on_predict_start = _stop_if_asked
    on_validation_batch_end = on_predict_batch_end = _stop_if_asked

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stop all ranks if one was asked."""
        if trainer.strategy.reduce_boolean_decision(asked_to_stop(), all=False):
            raise _stopped(pl_module)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Say what Lightning's own way of stopping a training does not: that the run is not done."""
        if isinstance(exception, SIGTERMException):
            raise _stopped(pl_module) from exception


def _stopped(pl_module: LightningModule) -> Stopped:
    return Stopped(f"stopped by SIGTERM at {pl_module.title}")


def _nothing() -> None: ...
