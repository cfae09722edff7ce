"""Predictions of a target as a LightningModule's predict step."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import torch
from torch import Tensor, nn

from naa_lightning.engine.out_of_memory import AdaptiveChunks
from naa_lightning.exceptions import ModelError
from naa_lightning.models import Classifier, as_classifier
from naa_lightning.models.defences import Defence, defended
from naa_lightning.models.defences.chain import repeats_of
from naa_lightning.models.logits import logits_of, remedy_for_classes
from naa_lightning.models.predicted_classes import PredictedClasses, predicted_classes
from naa_lightning.modules.image_module import ImageModule, ordinary_tensors
from naa_lightning.records import PairBatch
from naa_lightning.rng import SeededDraws

Predictions = TypedDict("Predictions", {"id": Tensor, "label": Tensor, "class": Tensor, "confidence": Tensor})
"""Predictions for a batch of images, on the CPU: `id` and `label` (B,); `class` int64, negative where nothing is
predicted, and `confidence` in [0, 1], both (B,), or (B, R) where defences draw R times at random; see
`naa_lightning.models.predicted_classes`.
"""


class PairPredictions(TypedDict):
    """Predictions for a batch of pairs, on the CPU, each (B, R) for R random draws of the defences, and ids (B,)."""

    id: Tensor
    clean_class: Tensor
    clean_confidence: Tensor
    adversarial_class: Tensor
    adversarial_confidence: Tensor


class TargetModule(ImageModule):
    """Predicts the classes of images, or of clean and adversarial ones, with a model that is only asked.

    A random defence gets the same numbers for a clean image and its adversarial version, so that only the perturbation
    changes the prediction.

    Args:
        model: Any network, from images of shape (B, 3, H, W) in [0, 1] to logits of shape (B, num_classes); one of timm
            gets the normalised images that it expects.
        name: Name of the target in progress bars and messages.
        defences: Defences in front of the model, of which the first one meets an image first.
        num_classes: Number of classes; None takes any.
        seed: Seed of the defences' random draws.

    Example:
        >>> from pytorch_lightning import Trainer
        >>> from torch.utils.data import DataLoader, TensorDataset
        >>> network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> images = torch.tensor([0.9, 0.1, 0.2]).view(1, 3, 1, 1).expand(2, 3, 8, 8)
        >>> loader = DataLoader(TensorDataset(images, torch.tensor([0, 1])), batch_size=2)
        >>> quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        >>> (batch,) = Trainer(accelerator="cpu", **quiet).predict(TargetModule(network), loader)
        >>> batch["class"] == batch["label"]
        tensor([ True, False])
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        name: str = "target",
        defences: Sequence[Defence] = (),
        num_classes: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(
            {
                "name": name,
                "behind": [type(defence).__name__ for defence in defences],
                "num_classes": num_classes,
                "seed": seed,
            }
        )
        self.model = as_classifier(model) if hasattr(model, "pretrained_cfg") else model
        self.name = name
        self.defences = defences
        self.num_classes = num_classes
        self.seed = seed
        self.title = f"evaluating {name}"
        self._memory = AdaptiveChunks(self.title)

    def predict_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> Predictions | PairPredictions:
        """Return the predictions for a batch.

        Args:
            batch: Images with their labels and perhaps ids, see `read_batch`; or pairs of images, see `PairBatch`.
            batch_idx: Number of the batch in this pass over the data.
            dataloader_idx: Number of the data loader, of several.

        Raises:
            ModelError: The batch is of no usual form, the model gives something else than (B, num_classes) logits, or
                the memory is too small for one image.
        """
        if isinstance(batch, Mapping) and {"clean", "adversarial"} <= batch.keys():
            return self._of_pairs(batch)  # type: ignore[arg-type]
        with ordinary_tensors(self.read(batch, batch_idx)) as ordinary:
            (found,) = self._asked(ordinary["id"], ordinary["image"])
            classes, confidence = found.classes, found.confidence
            drawn = classes.shape[1] > 1
            return {
                "id": ordinary["id"].cpu(),
                "label": ordinary["label"].cpu(),
                "class": classes if drawn else classes[:, 0],
                "confidence": confidence if drawn else confidence[:, 0],
            }

    def _of_pairs(self, batch: PairBatch) -> PairPredictions:
        with ordinary_tensors(batch) as pairs:
            clean, adversarial = self._asked(pairs["id"], pairs["clean"], pairs["adversarial"])
            return {
                "id": pairs["id"].cpu(),
                "clean_class": clean.classes,
                "clean_confidence": clean.confidence,
                "adversarial_class": adversarial.classes,
                "adversarial_confidence": adversarial.confidence,
            }

    def _asked(self, ids: Tensor, *versions: Tensor) -> list[PredictedClasses]:
        """Return the predictions (B, R) for each version of the images with these ids."""
        parts = self._memory.map(
            lambda part, size: [self._predict(ids[part], images[part]) for images in versions], len(ids), len(ids)
        )
        return [
            PredictedClasses(
                torch.cat([found.classes for found in of_version]),
                torch.cat([found.confidence for found in of_version]),
            )
            for of_version in zip(*parts, strict=True)
        ]

    def _predict(self, ids: Tensor, images: Tensor) -> PredictedClasses:
        classify = defended(self.defences, self._classify, SeededDraws(self.seed, ids.tolist()))
        draws = [classify(images, index) for index in range(repeats_of(self.defences))]
        return PredictedClasses(
            torch.stack([found.classes for found in draws], 1).cpu(),
            torch.stack([found.confidence for found in draws], 1).cpu(),
        )

    def _classify(self, images: Tensor, index: int) -> PredictedClasses:
        try:
            logits = logits_of(self.model(images))
        except ValueError as error:
            raise ModelError(f"{self.name}: {error}") from error
        shape = tuple(logits.shape)
        expected = (len(images), self.num_classes or shape[1])
        if shape != expected:
            remedy = self._remedy(images, shape[1] - expected[1])
            raise ModelError(f"{self.name} gives logits of shape {shape}, expected {expected}: {remedy}")
        return predicted_classes(logits)

    def _remedy(self, images: Tensor, surplus: int) -> str:
        """Return what to do about a model that gives another number of classes, of which a classifier can be asked."""
        answers: list[Any] = [None]
        first_class = None
        if isinstance(self.model, Classifier):
            first_class = self.model.output_format["first_class"]
            with self.model.network.register_forward_hook(lambda *passed: answers.append(passed[-1])):
                self.model(images)
        return remedy_for_classes(answers[-1], surplus, first_class)
