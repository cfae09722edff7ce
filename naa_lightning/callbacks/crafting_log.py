"""Live metrics while images are crafted."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from naa_lightning.metrics import AttributionMetric
from naa_lightning.modules.crafting import CraftedBatch


class CraftingLog(Callback):
    """Logs after every batch how many images are done, how fast, and their mean attribution statistics so far."""

    def __init__(self) -> None:
        self._attribution = AttributionMetric()
        self._images = 0

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin anew."""
        self._attribution.reset()
        self._images = 0

    def on_predict_batch_end(self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *_: Any) -> None:
        """Log one crafted batch; steps count images."""
        if not isinstance(outputs, CraftedBatch):
            return
        self._images += len(outputs.images)
        metrics = {"crafting/images": self._images, "crafting/images_per_second": len(outputs.images) / outputs.seconds}
        if outputs.attribution is not None:
            self._attribution.update(outputs.attribution)
            summary = self._attribution.compute()
            metrics |= {f"crafting/{name}": value for name, value in vars(summary).items() if name != "images"}
        for logger in trainer.loggers:
            logger.log_metrics(metrics, step=self._images)
