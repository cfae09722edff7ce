"""Live metrics while images are crafted."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from naa_lightning.attribution import AttributionStatistics
from naa_lightning.metrics import AttributionMetric
from naa_lightning.modules.crafting import AttackModule


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
        if not isinstance(pl_module, AttackModule):
            return
        images = len(outputs["id"])
        self._images += images
        metrics = {"crafting/images": self._images, "crafting/images_per_second": images / outputs["seconds"].item()}
        if outputs["attribution"]:
            self._attribution.update(AttributionStatistics(**outputs["attribution"]))
            means = self._attribution.compute()
            metrics |= {f"crafting/{name}": value.item() for name, value in means.items() if name != "images"}
        for logger in trainer.loggers:
            logger.log_metrics(metrics, step=self._images)
