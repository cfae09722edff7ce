"""The adversarial images of a run, crafted or collected."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from naa_lightning.data import LabelledImages
from naa_lightning.records import SavedImage, SavedPairs


@dataclass(frozen=True)
class AdversarialSet:
    """Saved adversarial images.

    Args:
        folder: The folder that holds the images.
        saved: The rows of the adversarial images, by image id.
        missing: The files of the clean images that have no adversarial one.
        crafted_now: Number of images that this call crafted; None where the run crafts nothing.
        peak_memory_bytes: Peak memory of the device while crafting, in bytes, on the CPU that of this process so far;
            None where nothing was crafted.
    """

    folder: Path
    saved: Mapping[int, SavedImage]
    missing: Sequence[str] = ()
    crafted_now: int | None = None
    peak_memory_bytes: int | None = None

    def pairs(self, images: LabelledImages, ids: Collection[int] | None = None) -> SavedPairs:
        """Join adversarial images with their clean ones.

        Args:
            images: The clean images of the data set.
            ids: The ids of the wanted images; None: all that are saved.
        """
        return SavedPairs(images.only(self.saved.keys() if ids is None else ids), self.saved, self.folder)
