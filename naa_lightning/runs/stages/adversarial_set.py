"""The adversarial images of a run, wherever they come from."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from naa_lightning.data import LabelledImages
from naa_lightning.records import SavedImage, SavedPairs


@dataclass(frozen=True)
class AdversarialSet:
    """Saved adversarial images.

    Args:
        folder: Holds the images.
        saved: The adversarial images by id.
        device: On which they were crafted, or are rated.
        missing: Clean images of which there is no adversarial one.
        crafted_now: How many of them this call crafted; None where the run crafts nothing.
        peak_memory_bytes: Of that device while crafting, or of this process so far where it is the CPU; None where
            nothing was crafted.
    """

    folder: Path
    saved: Mapping[int, SavedImage]
    device: str
    missing: Sequence[str] = ()
    crafted_now: int | None = None
    peak_memory_bytes: int | None = None

    def pairs(self, images: LabelledImages, ids: Collection[int] | None = None) -> SavedPairs:
        """Join them with their clean images.

        Args:
            images: The data set.
            ids: Of the pairs; None: all.
        """
        return SavedPairs(images.only(self.saved.keys() if ids is None else ids), self.saved, self.folder)
