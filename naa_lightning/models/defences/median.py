"""Median smoothing as a defence (Xu et al., Feature Squeezing, NDSS 2018, arXiv:1704.01155)."""

import torch
from torch import Tensor

from naa_lightning.models.defences.defence import InputDefence
from naa_lightning.rng import Draws
from naa_lightning.validation import check_at_least


class Median(InputDefence):
    """Replace each value by the median of the square window around it, each colour by itself.

    The details are those of SciPy's filter, which the authors' release uses: outside its borders the image is mirrored,
    the border pixels included; a window of an even side reaches one pixel further up and left; and of an even count the
    upper of the two middle values is taken.

    Args:
        size: The side of the window in pixels, at least 1; 2 is that of the paper's detector for ImageNet.

    Raises:
        ValueError: It is less than 1.

    Example:
        >>> import torch
        >>> from naa_lightning.rng import SeededDraws
        >>> images = torch.tensor([0.0, 0.9, 0.1, 0.2]).expand(1, 3, 4, 4)
        >>> Median(size=3).transform(images, SeededDraws(0, [0]), 0)[0, 0, 0]
        tensor([0.0000, 0.1000, 0.2000, 0.2000])
    """

    def __init__(self, *, size: int = 2) -> None:
        check_at_least("size", size, 1)
        self.size = size

    def transform(self, images: Tensor, draws: Draws, index: int) -> Tensor:
        """Return the smoothed images, of shape (B, 3, H, W)."""
        rows, columns = (self._mirrored(side, images.device) for side in images.shape[-2:])
        larger = images[:, :, rows][:, :, :, columns]
        windows = larger.unfold(2, self.size, 1).unfold(3, self.size, 1).flatten(-2)
        return windows.kthvalue(self.size**2 // 2 + 1, dim=-1).values

    def _mirrored(self, side: int, device: torch.device) -> Tensor:
        """Return the indices of the pixels of a row that is continued beyond both borders."""
        before = self.size // 2
        place = torch.arange(-before, side - before + self.size - 1, device=device) % (2 * side)
        return torch.minimum(place, 2 * side - 1 - place)
