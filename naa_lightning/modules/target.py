"""Predictions of a target as a LightningModule's predict step."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn

from naa_lightning.engine.out_of_memory import AdaptiveChunks
from naa_lightning.exceptions import UserError
from naa_lightning.models.defences import defended
from naa_lightning.models.predicted_classes import PredictedClasses, predicted_classes
from naa_lightning.models.target import Target
from naa_lightning.records import PairBatch
from naa_lightning.rng import SeededDraws


@dataclass
class TargetPredictions:
    """Predictions of a target for a batch of pairs, on the CPU.

    Args:
        ids: Image ids of shape (B,).
        clean: Predictions for the clean images, one for each random draw of the defences.
        adversarial: Predictions for the adversarial images, one for each random draw of the defences.
    """

    ids: Tensor
    clean: list[PredictedClasses]
    adversarial: list[PredictedClasses]


class TargetModule(LightningModule):
    """Predicts the classes of clean and adversarial images with a target.

    A random defence gets the same numbers for a clean image and its adversarial version, so that only the perturbation
    changes the prediction.

    Args:
        target: Target with its defences.
        model: Model that `target.source` builds.
        seed: Seed of the defences' random draws.
    """

    def __init__(self, target: Target, model: nn.Module, *, seed: int) -> None:
        super().__init__()
        self.target = target
        self.model = model
        self.seed = seed
        self.title = f"evaluating {target.name}"
        self._memory = AdaptiveChunks(self.title)

    def predict_step(self, batch: PairBatch, batch_idx: int) -> TargetPredictions:
        """Return the predictions for a batch.

        Raises:
            UserError: The model gives something else than (B, num_classes) logits, or the memory is too small for one
                image.
        """
        ids, clean, adversarial = batch["id"], batch["clean"], batch["adversarial"]
        parts = self._memory.map(
            lambda part, size: self._predict(ids[part], clean[part], adversarial[part]), len(ids), len(ids)
        )
        return TargetPredictions(
            torch.cat([part.ids for part in parts]),
            clean=[_concatenate(draw) for draw in zip(*(part.clean for part in parts), strict=True)],
            adversarial=[_concatenate(draw) for draw in zip(*(part.adversarial for part in parts), strict=True)],
        )

    def _predict(self, ids: Tensor, clean: Tensor, adversarial: Tensor) -> TargetPredictions:
        draws = SeededDraws(self.seed, ids.tolist())
        classify = defended(list(self.target.defences.values()), self._classify, draws)
        indices = range(self.target.repeats)
        with torch.no_grad():
            return TargetPredictions(
                ids.cpu(),
                clean=[_on_cpu(classify(clean, index)) for index in indices],
                adversarial=[_on_cpu(classify(adversarial, index)) for index in indices],
            )

    def _classify(self, images: Tensor, index: int) -> PredictedClasses:
        logits = self.model(images)
        expected = (len(images), self.target.source.num_classes)
        if tuple(logits.shape) != expected:
            raise UserError(
                f"{self.target.name} gives logits of shape {tuple(logits.shape)}, expected {expected}: correct its "
                "num_classes"
            )
        return predicted_classes(logits)


def _concatenate(parts: Sequence[PredictedClasses]) -> PredictedClasses:
    return PredictedClasses(torch.cat([part.classes for part in parts]), torch.cat([part.confidence for part in parts]))


def _on_cpu(found: PredictedClasses) -> PredictedClasses:
    return PredictedClasses(found.classes.cpu(), found.confidence.cpu())
