"""Gaussian smoothing as a defence (named by Xu et al., Feature Squeezing, NDSS 2018, arXiv:1704.01155)."""

import math

from torch import Tensor

from naa_lightning.models.defences.defence import InputDefence
from naa_lightning.rng import Draws


class Gaussian(InputDefence):
    """Convolve each colour with a Gaussian, the image being mirrored at its borders, without the border pixels.

    The paper names the filter and gives no numbers: the defaults are ours.

    Args:
        sigma: The standard deviation of the kernel in pixels, above 0.
        size: The side of the kernel in pixels, odd.

    Raises:
        ValueError: A value is out of range.
    """

    def __init__(self, *, sigma: float = 1.0, size: int = 5) -> None:
        if not 0 < sigma < math.inf:
            raise ValueError(f"sigma must be above 0, got {sigma}")
        if size < 1 or size % 2 == 0:
            raise ValueError(f"size must be odd and at least 1, got {size}")
        self.sigma = sigma
        self.size = size

    def transform(self, images: Tensor, draws: Draws, index: int) -> Tensor:
        """Return the smoothed images, of shape (B, 3, H, W)."""
        from torchvision.transforms.v2.functional import gaussian_blur  # noqa: PLC0415 - takes seconds to load

        smooth: Tensor = gaussian_blur(images, [self.size, self.size], [self.sigma, self.sigma])
        return smooth.clamp(0, 1)
