"""Training a classifier as a LightningModule."""

import hashlib
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassCalibrationError

from naa_lightning.data import Batch
from naa_lightning.exceptions import RankError, UserError
from naa_lightning.models import Classifier
from naa_lightning.rng import Draws, ScopedDraws, SeededDraws
from naa_lightning.training import Recipe
from naa_lightning.training.losses import Step


class ClassifierModule(LightningModule):
    """Trains a classifier.

    What is random for an image depends on (seed, epoch, id), so that a training that goes on from a checkpoint, or is
    shared by several processes, sees the same images as one that was left alone.

    Args:
        classifier: Classifier of images in [0, 1].
        num_classes: Number of classes.
        recipe: Loss, augmentation, optimizer, schedule and seed of the training.
        title: Name of the work in progress bars and messages.
        remedy: Words for a message on what to do where the loss is no number.
    """

    def __init__(self, classifier: Classifier, *, num_classes: int, recipe: Recipe, title: str, remedy: str) -> None:
        super().__init__()
        self.classifier = classifier
        self.recipe = recipe
        self.title = title
        self.remedy = remedy
        self.clean = MetricCollection(
            {
                "accuracy": MulticlassAccuracy(num_classes, average="micro"),
                "calibration_error": MulticlassCalibrationError(num_classes, n_bins=15, norm="l1"),
            }
        )
        self.robust = MulticlassAccuracy(num_classes, average="micro")
        self._attacked = 0  # images of this pass over the data

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Seed what networks draw by themselves, such as dropout."""
        key = f"{self.recipe.seed}/{self.current_epoch}/{batch_idx}/{self.global_rank}".encode()
        torch.manual_seed(int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big", signed=True))

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Augment training images."""
        images = batch["image"]
        if self.trainer.training:
            images = self.recipe.augmentation(images, self._draws(batch))
        return {**batch, "image": images.contiguous(memory_format=torch.channels_last)}

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of the recipe.

        Raises:
            UserError: It is no number; a RankError where it is none on another rank.
        """
        step = Step(self.classifier, batch["image"], batch["label"], self._draws(batch), self.global_step)
        loss = self.recipe.loss(step)
        finite = bool(loss.isfinite())
        if not self.trainer.strategy.reduce_boolean_decision(finite):
            if finite:
                raise RankError(f"{self.title}: the loss of another rank is no number at step {self.global_step}")
            raise UserError(
                f"{self.title}: the loss is {loss.item()} at step {self.global_step}, in epoch "
                f"{self.current_epoch + 1} of {self.recipe.epochs}; {self.remedy}"
            )
        self.log("train/loss", loss, sync_dist=True)
        return loss

    def on_validation_epoch_start(self) -> None:
        """Count attacked images anew."""
        self._attacked = 0

    def on_validation_epoch_end(self) -> None:
        """Log the score of the epoch: accuracy, or of a training that hardens robust accuracy, then accuracy."""
        score = self.clean["accuracy"].compute()
        if self._attacks_validation():
            score = self.robust.compute() + score / 1000
        self.log("val/score", score)

    on_test_epoch_start = on_validation_epoch_start

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Measure accuracy on a batch, in a training that hardens also on its adversarial version."""
        robustness = self.recipe.robustness
        self._measure(batch, "val", robustness.validation_images if robustness and self._attacks_validation() else 0)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Measure accuracy on a batch and on its adversarial version."""
        self._measure(batch, "test", self.recipe.robustness.test_images if self.recipe.robustness else 0)

    def _attacks_validation(self) -> bool:
        robustness = self.recipe.robustness
        return self.recipe.loss.hardens and robustness is not None and robustness.validation_images > 0

    def _measure(self, batch: Batch, stage: str, attacked_images: int) -> None:
        images, labels = batch["image"], batch["label"]
        self.clean.update(self.classifier(images).float().softmax(1), labels)
        self.log_dict({f"{stage}/{name}": metric for name, metric in self.clean.items()}, on_epoch=True)
        if not attacked_images or self.recipe.robustness is None:
            return
        share = range(self.global_rank, attacked_images, self.trainer.world_size)
        wanted = max(0, len(share) - self._attacked)
        images, labels, ids = images[:wanted], labels[:wanted], batch["id"][:wanted]
        if len(ids):
            draws = SeededDraws(self.recipe.seed, ids.tolist())
            attack = self.recipe.robustness.attack()
            self.robust.update(self.classifier(attack(self.classifier, images, labels, draws).images), labels)
            self._attacked += len(ids)
        self.log(f"{stage}/robust_accuracy", self.robust, on_epoch=True)

    def configure_optimizers(self) -> Any:
        """Return the recipe's optimizer, its learning rate following the schedule over all steps."""
        optimizer = self.recipe.make_optimizer(self.classifier.parameters())
        schedule = self.recipe.make_schedule(optimizer, int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _draws(self, batch: Batch) -> Draws:
        return ScopedDraws(SeededDraws(self.recipe.seed, batch["id"].tolist()), f"epoch {self.current_epoch}")
