"""Training a classifier as a LightningModule."""

import hashlib
import math
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassCalibrationError

from naa_lightning.data import Batch
from naa_lightning.exceptions import RankError, UserError
from naa_lightning.models import as_classifier
from naa_lightning.models.predicted_classes import predicted_classes
from naa_lightning.modules.image_module import ImageModule, ordinary_tensors
from naa_lightning.modules.target import Predictions
from naa_lightning.rng import ScopedDraws, SeededDraws
from naa_lightning.training import Recipe, standard_recipe
from naa_lightning.training.losses import Step

# The trainer decides on the others of a recipe.
_RECORDED = ("optimizer", "learning_rate", "momentum", "weight_decay", "schedule", "warmup", "seed")


class ClassifierModule(ImageModule):
    """Trains a classifier.

    What is random for an image depends on (seed, epoch, id). Where batches name ids, a training that goes on from a
    checkpoint, or is shared by several processes, thus draws the same for an image as one that was left alone;
    otherwise an id is the image's place in the epoch, see `ImageModule.read`.

    The trainer decides on epochs and precision, and whether weights are averaged; a recipe's own numbers of these are
    for those who make one. A checkpoint keeps the classifier's weights, and of the recipe a description in `hparams`:
    give both to `load_from_checkpoint` again.

    Args:
        classifier: Classifier of images in [0, 1], or a network that `as_classifier` takes.
        num_classes: Number of classes.
        recipe: Loss, augmentation, optimizer, schedule and seed of the training; None for `standard_recipe`.
        title: Name of the work in progress bars and messages.
        remedy: Words for a message on what to do where the loss is no number.

    Example:
        >>> from pytorch_lightning import Trainer
        >>> from torch.utils.data import DataLoader, TensorDataset
        >>> network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 10))
        >>> classifier = as_classifier(network, mean=[0.5] * 3, std=[0.5] * 3)
        >>> loader = DataLoader(TensorDataset(torch.rand(8, 3, 8, 8), torch.arange(8)), batch_size=4)
        >>> quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        >>> trainer = Trainer(accelerator="cpu", max_epochs=1, enable_model_summary=False, **quiet)
        >>> trainer.fit(ClassifierModule(classifier, num_classes=10), loader)
        >>> trainer.global_step
        2
    """

    def __init__(
        self,
        classifier: nn.Module,
        *,
        num_classes: int,
        recipe: Recipe | None = None,
        title: str = "training",
        remedy: str = "use a recipe with a smaller learning_rate",
    ) -> None:
        super().__init__()
        recipe = recipe or standard_recipe()
        self.save_hyperparameters(
            {
                "num_classes": num_classes,
                "augmentation": type(recipe.augmentation).__name__,
                "loss": type(recipe.loss).__name__,
                "robustness": recipe.robustness and repr(recipe.robustness),
            }
            | {name: getattr(recipe, name) for name in _RECORDED}
        )
        self.classifier = as_classifier(classifier)
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

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """Return the loss of the recipe.

        Args:
            batch: Images with their labels and perhaps ids; see `read_batch`.
            batch_idx: Number of the batch in this epoch.

        Raises:
            UserError: The batch is of no usual form, or the loss is no number; a RankError where it is none on another
                rank.
        """
        read = self.read(batch, batch_idx)
        draws = ScopedDraws(SeededDraws(self.recipe.seed, read["id"].tolist()), f"epoch {self.current_epoch}")
        with torch.autocast(self.device.type, enabled=False):
            images = _channels_last(self.recipe.augmentation(read["image"], draws))
        step = Step(self.classifier, images, read["label"], draws, self.global_step)
        loss = self.recipe.loss(step)
        finite = bool(loss.isfinite())
        if not self.trainer.strategy.reduce_boolean_decision(finite):
            if finite:
                raise RankError(f"{self.title}: the loss of another rank is no number at step {self.global_step}")
            raise UserError(
                f"{self.title}: the loss is {loss.item()} at step {self.global_step}, in epoch "
                f"{self.current_epoch + 1}; {self.remedy}"
            )
        self.log("train/loss", loss, sync_dist=True)
        return loss

    def on_validation_epoch_start(self) -> None:
        """Count anew."""
        self._attacked = 0
        self.clean.reset()  # also where another trainer has left what inference mode made
        self.robust.reset()

    def on_validation_epoch_end(self) -> None:
        """Log the score of the epoch: accuracy, or of a training that hardens robust accuracy, then accuracy."""
        score = self.clean["accuracy"].compute()
        if self._attacks_validation():
            score = self.robust.compute() + score / 1000
        self.log("val/score", score)

    on_test_epoch_start = on_validation_epoch_start

    def validation_step(self, batch: object, batch_idx: int) -> None:
        """Measure accuracy on a batch, in a training that hardens also on its adversarial version."""
        robustness = self.recipe.robustness
        attacked = robustness.validation_images if robustness and self._attacks_validation() else 0
        self._measure(self.read(batch, batch_idx), "val", attacked)

    def test_step(self, batch: object, batch_idx: int) -> None:
        """Measure accuracy on a batch and on its adversarial version."""
        attacked = self.recipe.robustness.test_images if self.recipe.robustness else 0
        self._measure(self.read(batch, batch_idx), "test", attacked)

    def predict_step(self, batch: object, batch_idx: int, dataloader_idx: int = 0) -> Predictions:
        """Return the predicted classes of a batch.

        Args:
            batch: Images with their labels and perhaps ids; see `read_batch`.
            batch_idx: Number of the batch in this pass over the data.
            dataloader_idx: Number of the data loader, of several.

        Raises:
            UserError: The batch is of no usual form.
        """
        with ordinary_tensors(self.read(batch, batch_idx)) as ordinary:
            found = predicted_classes(self.classifier(_channels_last(ordinary["image"])))
            return {
                "id": ordinary["id"].cpu(),
                "label": ordinary["label"].cpu(),
                "class": found.classes.cpu(),
                "confidence": found.confidence.cpu(),
            }

    def _attacks_validation(self) -> bool:
        robustness = self.recipe.robustness
        return self.recipe.loss.hardens and robustness is not None and robustness.validation_images > 0

    def _measure(self, batch: Batch, stage: str, attacked_images: int) -> None:
        share = range(self.global_rank, attacked_images, self.trainer.world_size)
        wanted = slice(max(0, len(share) - self._attacked))
        with ordinary_tensors(batch) as ordinary:
            images, labels = _channels_last(ordinary["image"]), ordinary["label"]
            probabilities = self.classifier(images).float().softmax(1)
            logits = probabilities[:0]
            if wanted.stop and self.recipe.robustness is not None:
                draws = SeededDraws(self.recipe.seed, ordinary["id"][wanted].tolist())
                crafted = self.recipe.robustness.attack().craft(self.classifier, images[wanted], labels[wanted], draws)
                logits = self.classifier(crafted.images)
        self.clean.update(probabilities, labels)
        self.log_dict({f"{stage}/{name}": metric for name, metric in self.clean.items()}, on_epoch=True)
        if not attacked_images:
            return
        if len(logits):
            self.robust.update(logits, labels[wanted])
            self._attacked += len(logits)
        self.log(f"{stage}/robust_accuracy", self.robust, on_epoch=True)

    def configure_optimizers(self) -> Any:
        """Return the recipe's optimizer, its learning rate following the schedule over all steps.

        Raises:
            UserError: The training has no end.
        """
        steps = self.trainer.estimated_stepping_batches
        if math.isinf(steps):
            raise UserError(f"{self.title}: the learning rate falls until the last step: give the Trainer max_epochs")
        optimizer = self.recipe.make_optimizer(self.classifier.parameters())
        schedule = self.recipe.make_schedule(optimizer, int(steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _channels_last(images: Tensor) -> Tensor:
    return images.contiguous(memory_format=torch.channels_last)
