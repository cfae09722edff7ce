"""Asking a classifier where it looks, as a LightningModule."""

from dataclasses import dataclass

from pytorch_lightning import LightningModule
from torch import Tensor

from naa_lightning.attribution.attention import attention
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

    def predict_step(self, batch: PairBatch, batch_idx: int) -> AttentionBatch:
        """Ask about a batch.

        Raises:
            LayerError: No layer of the network has places in the image.
        """
        clean, clean_attention = self._look(batch["clean"])
        adversarial, adversarial_attention = self._look(batch["adversarial"])
        return AttentionBatch(batch["id"].cpu(), clean, clean_attention, adversarial, adversarial_attention)

    def _look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        predicted = self.classifier(images).argmax(1)
        return predicted.cpu(), attention(self.classifier, images, predicted).float().cpu()
