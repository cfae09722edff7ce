"""The filter of TI-FGSM (Dong et al., CVPR 2019, arXiv:1904.02884)."""

import torch
from torch import Tensor
from torch.nn import functional as F

from naa_lightning.attacks.smoothing.smoothing import Smoothing


class TranslationInvariant(Smoothing):
    """Convolve the gradient with a Gaussian: the gradient of an image seen at many places, in one pass.

    The kernel is the release's: the standard normal density at equally spaced places from -3 to 3, in both directions,
    scaled to a sum of 1. What lies outside the image counts as zero.

    Args:
        kernel: The side of the kernel in pixels, odd.

    Raises:
        ValueError: The kernel has no such side.
    """

    def __init__(self, *, kernel: int = 15) -> None:
        if kernel < 1 or kernel % 2 == 0:
            raise ValueError(f"kernel must be odd and at least 1, got {kernel}")
        self.kernel = kernel

    def __call__(self, gradient: Tensor) -> Tensor:
        """Return the smoothed gradient (B, 3, H, W)."""
        density = torch.exp(-torch.linspace(-3, 3, self.kernel, dtype=torch.float64).square() / 2)
        weights = (density / density.sum()).to(gradient).expand(3, 1, 1, -1)
        along_rows = F.conv2d(gradient, weights, padding=(0, self.kernel // 2), groups=3)
        return F.conv2d(along_rows, weights.transpose(2, 3), padding=(self.kernel // 2, 0), groups=3)
