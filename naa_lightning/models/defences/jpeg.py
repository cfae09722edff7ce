"""JPEG compression as a defence (Dziugaite et al., 2016, arXiv:1608.00853)."""

from io import BytesIO

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from naa_lightning.models.defences.defence import InputDefence
from naa_lightning.rng import Draws


class Jpeg(InputDefence):
    """Round each image to 8 bits, write it as a JPEG file and read it again.

    The codec is Pillow's, with its own choice of chroma subsampling: half the resolution.

    Args:
        quality: The quality of the file, from 1 to 100; 75 is that of Guo et al. (ICLR 2018, arXiv:1711.00117).

    Raises:
        ValueError: It is out of range.
    """

    def __init__(self, *, quality: int = 75) -> None:
        if not 1 <= quality <= 100:
            raise ValueError(f"quality must be between 1 and 100, got {quality}")
        self.quality = quality

    def transform(self, images: Tensor, draws: Draws, index: int) -> Tensor:
        """Return the images as the files show them, of shape (B, 3, H, W)."""
        pixels = (images.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        read = torch.from_numpy(np.stack([self._read_back(image) for image in pixels]))
        return read.permute(0, 3, 1, 2).contiguous().to(images) / 255

    def _read_back(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        file = BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=self.quality)
        with Image.open(file) as written:
            return np.asarray(written)
