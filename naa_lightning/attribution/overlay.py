"""Maps over the images that they belong to, as pictures without any text.

Not imported by the package itself, because matplotlib, whose colours these are, takes long to load.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import torch
from matplotlib import colormaps
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

Pixels: TypeAlias = NDArray[np.uint8]
"""RGB pixels of shape (H, W, 3)."""

_OPACITY = 0.6
_OUTLIERS = 0.02


def attention_overlay(image: Tensor, shares: Tensor) -> Pixels:
    """Lay a map of attention over an image; the larger a share, the less it lets through.

    Args:
        image: The image of shape (3, H, W) in [0, 1], which turns grey, with room left for colours.
        shares: The map of shape (h, w) in [0, 1]; what is no number is 0.
    """
    found = _spread(shares, image).nan_to_num().clamp(0, 1).numpy()
    return _blended(0.2 + 0.7 * _grey(image), colormaps["plasma"](found), 0.8 * found**0.7)


def attribution_overlay(image: Tensor, values: Tensor, scale: float) -> Pixels:
    """Lay a map of attribution over an image as captum does: red is for the class, blue against it, white neither.

    Args:
        image: The image of shape (3, H, W) in [0, 1], which turns grey.
        values: The map of shape (h, w).
        scale: The value that has the strongest colour, as `attribution_scale` finds it. Where it is 0 or no number,
            there is nothing to lay over the image.
    """
    if not 0 < scale < float("inf"):
        return _blended(_grey(image), np.zeros((*image.shape[1:], 3)), np.zeros(image.shape[1:]))
    shares = (_spread(values, image) / scale).clamp(-1, 1).numpy()
    return _blended(_grey(image), colormaps["RdBu_r"](0.5 + shares / 2), np.full_like(shares, _OPACITY))


def attribution_scale(maps: Sequence[Tensor]) -> float:
    """Return the value that has the strongest colour, the same in several maps so that they can be compared.

    As in captum, it is the value up to which 98 % of all absolute attribution lies: a few outliers pale nothing.

    Args:
        maps: Maps of any shapes.

    Returns:
        The value, NaN where a map is no numbers.

    Example:
        >>> attribution_scale([torch.tensor([[1.0, -2.0]]), torch.tensor([[97.0, 0.1]])])
        97.0
    """
    values = torch.cat([values.flatten() for values in maps]).abs().double().sort().values
    sums = values.cumsum(0)
    return float(values[int((sums < (1 - _OUTLIERS) * sums[-1]).sum())] if sums[-1].isfinite() else torch.nan)


def _spread(values: Tensor, image: Tensor) -> Tensor:
    """Bring a map (h, w) to an image's size (H, W)."""
    return F.interpolate(values[None, None].float(), image.shape[1:], mode="bilinear", align_corners=False)[0, 0]


def _grey(image: Tensor) -> NDArray[np.floating]:
    return np.asarray(0.299 * image[0] + 0.587 * image[1] + 0.114 * image[2])


def _blended(grey: NDArray[np.floating], colours: NDArray[np.floating], opacity: NDArray[np.floating]) -> Pixels:
    """Lay colours (H, W, 3 or 4), whatever their own opacity, over a grey image (H, W)."""
    share = opacity[..., None]
    pixels: Pixels = np.rint(255 * (share * colours[..., :3] + (1 - share) * grey[..., None])).astype(np.uint8)
    return pixels
