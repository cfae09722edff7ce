"""Handwritten digits that need no download: for tests, demonstrations and training from scratch."""

from functools import partial

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional as F

from naa_lightning.data.images import ImageRecord, LabelledImages
from naa_lightning.data.trainable import TrainableData


class DigitsData(TrainableData):
    """The 1,797 digits that scikit-learn carries, 8x8 greys of 17 levels, as 32x32 RGB images.

    An image's id is its row in scikit-learn. Every fifth row is held out, to validate on and to attack; the others
    train. The target class of a digit is the next one, (label + 1) % 10.

    Args:
        seed, name, batch_size, num_workers, limit: See `TrainableData`.

    >>> digits = DigitsData()
    >>> digits.setup("predict")
    >>> len(digits.images), next(iter(digits.predict_dataloader()))["image"].shape
    (360, torch.Size([64, 3, 32, 32]))
    """

    num_classes = 10
    class_names = tuple("0123456789")

    def __init__(
        self,
        *,
        seed: int = 0,
        name: str = "digits",
        batch_size: int = 64,
        num_workers: int = 0,
        limit: int | None = None,
    ) -> None:
        super().__init__(seed=seed, name=name, batch_size=batch_size, num_workers=num_workers, limit=limit)

    def load(self) -> LabelledImages:
        """List the 360 held-out digits."""
        return _digits(held_out=True)

    def training_images(self) -> LabelledImages:
        """List the other 1,437 digits."""
        return _digits(held_out=False)

    def validation_images(self) -> LabelledImages:
        """List the held-out digits."""
        return self.load()


def _digits(*, held_out: bool) -> LabelledImages:
    digits = load_digits()
    records = [
        ImageRecord(i, f"{i:05d}.png", label, target_class=(label + 1) % 10)
        for i, label in enumerate(digits.target.tolist())
        if (i % 5 == 0) == held_out
    ]
    return LabelledImages(records, partial(_upsample, digits.images.astype(np.float32)))


def _upsample(digits: np.ndarray, record: ImageRecord) -> Tensor:
    """Bilinear 8x8 in [0, 16] to uint8 (3, 32, 32)."""
    grey = torch.from_numpy(digits[record.id]) / 16
    large = F.interpolate(grey[None, None], size=(32, 32), mode="bilinear", align_corners=False)
    return (large[0] * 255).round().to(torch.uint8).expand(3, -1, -1)
