"""Clean images beside the adversarial images that were made of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import torch
from torch import Tensor
from torch.utils.data import Dataset

from naa_lightning.data import LabelledImages, read_image
from naa_lightning.errors import UserError
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

    Raises:
        UserError: On reading, a file cannot be read or is of another size than its clean image.
    """

    def __init__(self, images: LabelledImages, saved: Mapping[int, SavedImage], folder: Path) -> None:
        self.images = images
        self.saved = saved
        self.folder = folder

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> PairBatch:
        clean = self.images[index]
        path = self.folder / self.saved[clean["id"]].file
        adversarial = read_image(path).float() / 255
        if adversarial.shape != clean["image"].shape:
            raise UserError(
                f"{path} is {_size(adversarial)}, its clean image {self.images.records[index].file} is "
                f"{_size(clean['image'])}: bring them to one size"
            )
        return {"clean": clean["image"], "adversarial": adversarial, "id": torch.tensor(clean["id"])}

    def collate(self, pairs: Sequence[PairBatch]) -> PairBatch:
        """Stack pairs into a batch.

        Raises:
            UserError: The images differ in size.
        """
        shapes = {pair["clean"].shape: int(pair["id"]) for pair in pairs}
        if len(shapes) > 1:
            files = [f"{self.saved[image].file} is {shape[2]}x{shape[1]}" for shape, image in shapes.items()]
            raise UserError(
                f"images differ in size: {', '.join(files[:2])}; bring them to one size with data.image_size=N or use "
                "data.batch_size=1"
            )
        return {
            "clean": torch.stack([pair["clean"] for pair in pairs]),
            "adversarial": torch.stack([pair["adversarial"] for pair in pairs]),
            "id": torch.stack([pair["id"] for pair in pairs]),
        }


def _size(image: Tensor) -> str:
    return f"{image.shape[-1]}x{image.shape[-2]}"
