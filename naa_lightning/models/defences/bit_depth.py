"""Fewer bits per colour as a defence (Xu et al., Feature Squeezing, NDSS 2018, arXiv:1704.01155)."""

from torch import Tensor

from naa_lightning.models.defences.defence import InputDefence
from naa_lightning.rng import Draws


class BitDepth(InputDefence):
    """Round each colour value to the nearest of 2^bits levels, equally spaced from 0 to 1.

    Args:
        bits: The number of bits, from 1 to 8; 3 is that of Guo et al. (ICLR 2018, arXiv:1711.00117).

    Raises:
        ValueError: It is out of range.

    Example:
        >>> import torch
        >>> from naa_lightning.rng import SeededDraws
        >>> images = torch.tensor([0.1, 0.2, 0.9]).view(1, 3, 1, 1)
        >>> BitDepth(bits=2).transform(images, SeededDraws(0, [0]), 0).flatten()
        tensor([0.0000, 0.3333, 1.0000])
    """

    def __init__(self, *, bits: int = 3) -> None:
        if not 1 <= bits <= 8:
            raise ValueError(f"bits must be between 1 and 8, got {bits}")
        self.bits = bits

    def transform(self, images: Tensor, draws: Draws, index: int) -> Tensor:
        """Return the images with fewer levels, of shape (B, 3, H, W)."""
        steps = (1 << self.bits) - 1
        return (images.clamp(0, 1) * steps).round() / steps
