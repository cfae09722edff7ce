"""Phases of crafting in the run's times."""

import time
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from naa_lightning.callbacks.stopwatch import Stopwatch
from naa_lightning.modules.crafting import CraftedBatch


class CraftingTimes(Callback):
    """Counts the seconds that crafting waits for images, arranges, prepares, takes steps and describes attribution.

    It comes after the callbacks that handle a batch, so that their time counts as none of these.

    Args:
        stopwatch: Stopwatch of the run.
    """

    def __init__(self, stopwatch: Stopwatch) -> None:
        self._stopwatch = stopwatch
        self._waiting_since = 0.0

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Wait for the first batch."""
        self._waiting_since = time.perf_counter()

    def on_predict_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Count the time of waiting for the batch."""
        self._stopwatch.move("crafting/images", time.perf_counter() - self._waiting_since)

    def on_predict_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: CraftedBatch, *_: Any
    ) -> None:
        """Count the phases of the batch, and wait for the next one."""
        preparation = outputs["preparation_seconds"].item()
        self._stopwatch.move("crafting/arranging", outputs["arranging_seconds"].item())
        self._stopwatch.move("crafting/preparation", preparation)
        self._stopwatch.move("crafting/steps", outputs["seconds"].item() - preparation)
        self._stopwatch.move("crafting/attribution", outputs["attribution_seconds"].item())
        self._waiting_since = time.perf_counter()
