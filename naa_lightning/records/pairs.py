"""Clean images beside the adversarial images that were made of them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset

from naa_lightning.data import LabelledImages, read_image
from naa_lightning.data.images import check_one_size, size_of
from naa_lightning.data.workers import leave_signals_to_main, useful_workers
from naa_lightning.exceptions import DataError
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
        saved: The adversarial images, by image id.
        folder: The folder of the adversarial files.

    Raises:
        DataError: On reading, a file cannot be read or is of another size than its clean image.
    """

    def __init__(self, images: LabelledImages, saved: Mapping[int, SavedImage], folder: Path) -> None:
        self.images = images
        self.saved = saved
        self.folder = folder
        self._kept: dict[int, tuple[Tensor, Tensor]] = {}

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> PairBatch:
        clean, adversarial = self.pixels(index)
        image = self.images.records[index].id
        return {"clean": clean.float() / 255, "adversarial": adversarial.float() / 255, "id": torch.tensor(image)}

    def keep(self, indices: Sequence[int], *, num_workers: int, room: int) -> bool:
        """Read pairs and keep them in memory, so that those who ask for them again need not wait for files.

        Args:
            indices: The indices of the pairs.
            num_workers: The number of processes that read; 0 reads in this one.
            room: The number of bytes that pairs may take, three for a pixel of each image; where they take more,
                none is kept.

        Returns:
            Whether there was room for all.

        Raises:
            DataError: A file cannot be read or is of another size than its clean image.
        """
        for index, pair in zip(indices, self.in_turn(indices, num_workers=num_workers), strict=True):
            room -= sum(image.nbytes for image in pair)
            if room < 0:
                self._kept.clear()  # workers that read the others may each get a copy
                return False
            self._kept[index] = (pair[0].clone(), pair[1].clone())  # not in the memory shared with the workers
        return True

    def in_turn(self, indices: Sequence[int], *, num_workers: int) -> Iterable[tuple[Tensor, Tensor]]:
        """Read pairs one after another, as `pixels` returns them.

        Args:
            indices: The indices of the pairs.
            num_workers: The number of processes that read; 0 reads in this one.
        """
        return DataLoader(
            Subset(_Pixels(self), indices),
            batch_size=None,
            num_workers=useful_workers(num_workers, len(indices), batch_size=1),
            worker_init_fn=leave_signals_to_main,
        )

    def pixels(self, index: int) -> tuple[Tensor, Tensor]:
        """Return a clean and an adversarial image, uint8 (3, H, W), from memory where they are kept there."""
        return self._kept[index] if index in self._kept else self.read(index)

    def read(self, index: int) -> tuple[Tensor, Tensor]:
        """Read a clean and an adversarial image, uint8 (3, H, W), from their files."""
        record = self.images.records[index]
        clean, path = self.images.read(record), self.folder / self.saved[record.id].file
        adversarial = read_image(path)
        if adversarial.shape != clean.shape:
            raise DataError(
                f"{path} is {size_of(adversarial)}, its clean image {record.file} is {size_of(clean)}: bring them to "
                "one size"
            )
        return clean, adversarial

    def collate(self, pairs: Sequence[PairBatch]) -> PairBatch:
        """Stack pairs into a batch.

        Raises:
            DataError: The images differ in size.
        """
        check_one_size([(self.saved[int(pair["id"])].file, pair["clean"]) for pair in pairs])
        return {
            "clean": torch.stack([pair["clean"] for pair in pairs]),
            "adversarial": torch.stack([pair["adversarial"] for pair in pairs]),
            "id": torch.stack([pair["id"] for pair in pairs]),
        }


class _Pixels(Dataset[tuple[Tensor, Tensor]]):
    """The pairs as they are read."""

    def __init__(self, pairs: SavedPairs) -> None:
        self.pairs = pairs

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.pairs.pixels(index)
