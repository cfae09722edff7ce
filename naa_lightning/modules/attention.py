"""Attention of a classifier as a LightningModule's predict step."""

from dataclasses import dataclass
from typing import TypedDict

import torch
from torch import Tensor

from naa_lightning.attribution.attention import attention
from naa_lightning.engine.out_of_memory import AdaptiveChunks
from naa_lightning.models import Classifier
from naa_lightning.modules.image_module import ImageModule, ordinary_tensors
from naa_lightning.records import PairBatch


@dataclass(frozen=True)
class Attention:
    """Attention of a classifier to a pair of images for the classes that it predicts.

    Args:
        clean: Attention of shape (h, w) to the clean image, at least 0; see `naa_lightning.attribution.attention`.
        adversarial: Attention of shape (h, w) to the adversarial image, at least 0.
    """

    clean: Tensor
    adversarial: Tensor


class AttentionBatch(TypedDict):
    """Attention of a classifier to a batch of pairs, on the CPU.

    Attributes:
        id: Image ids of shape (B,).
        clean_class: Classes of shape (B,) predicted for the clean images.
        clean_attention: Attention of shape (B, h, w) for these classes, at least 0, in float32.
        adversarial_class: Classes of shape (B,) predicted for the adversarial images.
        adversarial_attention: Attention of shape (B, h, w) for these classes, at least 0, in float32.
    """

    id: Tensor
    clean_class: Tensor
    clean_attention: Tensor
    adversarial_class: Tensor
    adversarial_attention: Tensor


class AttentionModule(ImageModule):
    """Predicts the classes of clean and adversarial images, and where the classifier looks for them.

    Args:
        classifier: Classifier of images in [0, 1].
        title: Name of the work in progress bars and messages.
    """

    def __init__(self, classifier: Classifier, *, title: str) -> None:
        super().__init__()
        self.classifier = classifier
        self.title = title
        self._memory = AdaptiveChunks(title)

    def predict_step(self, batch: PairBatch, batch_idx: int) -> AttentionBatch:
        """Return the predictions for a batch and the attention behind them.

        Args:
            batch: Clean and adversarial images.
            batch_idx: Number of the batch in this pass over the data.

        Raises:
            LayerError: No layer of the network has places in the image.
            UserError: The memory is too small for one image.
        """
        with ordinary_tensors(batch) as pairs:
            clean_class, clean_attention = self._attention(pairs["clean"])
            adversarial_class, adversarial_attention = self._attention(pairs["adversarial"])
            return {
                "id": pairs["id"].cpu(),
                "clean_class": clean_class,
                "clean_attention": clean_attention,
                "adversarial_class": adversarial_class,
                "adversarial_attention": adversarial_attention,
            }

    def _attention(self, images: Tensor) -> tuple[Tensor, Tensor]:
        def attend(part: slice, size: int) -> tuple[Tensor, Tensor]:
            predicted = self.classifier(images[part]).argmax(1)
            return predicted.cpu(), attention(self.classifier, images[part], predicted).float().cpu()

        predicted, attended = zip(*self._memory.map(attend, len(images), len(images)), strict=True)
        return torch.cat(predicted), torch.cat(attended)
