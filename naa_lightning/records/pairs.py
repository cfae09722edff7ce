"""Clean images beside the adversarial images that were made of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

import torch
from torch import Tensor
from torch.utils.data import Dataset

from naa_lightning.data import LabelledImages, read_image
from naa_lightning.records.manifest import SavedImage


class PairBatch(TypedDict):
    """Images as they were and as they were crafted, float32 (B, 3, H, W) in [0, 1], and their ids (B,)."""

    clean: Tensor
    adversarial: Tensor
    id: Tensor


class SavedPairs(Dataset[PairBatch]):
    """Clean images beside their adversarial files.

    Args:
        images: The clean images.
        saved: By image id.
        folder: Holds the adversarial files.
    """

    def __init__(self, images: LabelledImages, saved: Mapping[int, SavedImage], folder: Path) -> None:
        self.images = images
        self.saved = saved
        self.folder = folder

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> PairBatch:
        clean = self.images[index]
        adversarial = read_image(self.folder / self.saved[clean["id"]].file).float() / 255
        return {"clean": clean["image"], "adversarial": adversarial, "id": torch.tensor(clean["id"])}
