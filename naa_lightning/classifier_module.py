"""Training a classifier as a LightningModule."""

from dataclasses import dataclass
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor
from torch.nn import functional as F
from torchmetrics.classification import MulticlassAccuracy

from naa_lightning.data import Batch
from naa_lightning.models import Classifier


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a classifier is trained: AdamW with a one-cycle schedule.

    Args:
        epochs: Passes over the training images.
        learning_rate: Its largest value.
        weight_decay: Of AdamW.
        label_smoothing: In [0, 1).
        seed: Of the initial weights.

    Raises:
        ValueError: A value is out of range.
    """

    epochs: int
    learning_rate: float
    weight_decay: float
    label_smoothing: float
    seed: int

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ValueError(f"epochs must be at least 1, got {self.epochs}")
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate}")
        if self.weight_decay < 0:
            raise ValueError(f"weight_decay must not be negative, got {self.weight_decay}")
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing must be in [0, 1), got {self.label_smoothing}")


class ClassifierModule(LightningModule):
    """Trains a classifier.

    Args:
        classifier: Images in [0, 1] in, logits out.
        num_classes: How many it tells apart.
        training: How.
        title: What progress bars call the work.
    """

    def __init__(self, classifier: Classifier, *, num_classes: int, title: str, training: Training) -> None:
        super().__init__()
        self.classifier = classifier
        self.settings = training
        self.title = title
        self.accuracy = MulticlassAccuracy(num_classes, average="micro")

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the cross-entropy of a batch."""
        smoothing = self.settings.label_smoothing
        loss = F.cross_entropy(self.classifier(batch["image"]), batch["label"], label_smoothing=smoothing)
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Count correct predictions."""
        self.accuracy(self.classifier(batch["image"]), batch["label"])
        self.log("val/accuracy", self.accuracy, on_epoch=True)

    def configure_optimizers(self) -> Any:
        """AdamW, its learning rate following one cycle over all steps."""
        training = self.settings
        optimizer = torch.optim.AdamW(
            self.classifier.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=training.learning_rate, total_steps=int(self.trainer.estimated_stepping_batches)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
