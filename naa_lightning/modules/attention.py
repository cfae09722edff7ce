"""Asking a classifier where it looks, as a LightningModule."""

from dataclasses import dataclass

import torch
from pytorch_lightning import LightningModule
from torch import Tensor

from naa_lightning.attribution.attention import attention
from naa_lightning.engine.out_of_memory import AdaptiveChunks
from naa_lightning.models import Classifier
from naa_lightning.records import PairBatch


@dataclass(frozen=True)
class Attention:
    """Where a classifier looks in an image for the class that it predicts; see `naa_lightning.attribution.attention`.

    Args:
        clean: In the clean image, at least 0, (h, w).
        adversarial: In the adversarial image, as `clean`.
    """

    clean: Tensor
    adversarial: Tensor


@dataclass
class AttentionBatch:
    """What a predict step returns, on the CPU, attention in float32.

    Args:
        ids: (B,).
        clean: Classes predicted for the clean images, (B,).
        clean_attention: For these classes, at least 0, (B, h, w).
        adversarial: Classes predicted for the adversarial images, (B,).
        adversarial_attention: For these classes, as `clean_attention`.
    """

    ids: Tensor
    clean: Tensor
    clean_attention: Tensor
    adversarial: Tensor
    adversarial_attention: Tensor


class AttentionModule(LightningModule):
    """Asks a classifier what it predicts for clean and adversarial images, and where it looks for that.

    Args:
        classifier: Images in [0, 1] in, logits out.
        title: What progress bars call the work.
    """

    def __init__(self, classifier: Classifier, *, title: str) -> None:
        super().__init__()
        self.classifier = classifier
        self.title = title
        self._memory = AdaptiveChunks(title)

    def predict_step(self, batch: PairBatch, batch_idx: int) -> AttentionBatch:
        """Ask about a batch.

        Raises:
            LayerError: No layer of the network has places in the image.
            UserError: The memory is too small for one image.
        """
        return AttentionBatch(
            batch["id"].cpu(), *self._look_in_parts(batch["clean"]), *self._look_in_parts(batch["adversarial"])
        )

    def _look_in_parts(self, images: Tensor) -> tuple[Tensor, Tensor]:
        found = self._memory.map(lambda part, size: self._look(images[part]), len(images), len(images))
        predicted, attended = zip(*found, strict=True)
        return torch.cat(predicted), torch.cat(attended)

    def _look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        predicted = self.classifier(images).argmax(1)
        return predicted.cpu(), attention(self.classifier, images, predicted).float().cpu()
