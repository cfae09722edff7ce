"""Feature distillation (Liu et al., CVPR 2019, arXiv:1803.05787)."""

import math

from torch import Tensor
from torch.nn import functional as F

from naa_lightning.models.dct import dct_basis
from naa_lightning.models.defences.defence import InputDefence
from naa_lightning.rng import Draws
from naa_lightning.validation import check_at_least

SIDE = 8
"""The side of a block, in pixels."""


class FeatureDistillation(InputDefence):
    """Round the cosine spectrum of each block of 8 x 8 pixels, low frequencies in finer steps than the others.

    The numbers are those of the authors' release, and so is the rest: the three colours are handled as they are,
    without a change of colour space, and values from 0 to 255 are transformed without subtracting their middle. Ours is
    that images whose sides are no multiples of 8 are continued by their last row and column, and cut again.

    Args:
        low_step: The distance of the levels for the low frequencies, in units of image values from 0 to 255.
        high_step: The distance of the levels for all other frequencies, in the same unit.
        low_side: Frequencies below this one, in both directions, are low: from 0 for none to 8 for all.

    Raises:
        ValueError: A value is out of range.
    """

    def __init__(self, *, low_step: float = 25.0, high_step: float = 30.0, low_side: int = 4) -> None:
        for key, step in (("low_step", low_step), ("high_step", high_step)):
            if not 0 < step < math.inf:
                raise ValueError(f"{key} must be above 0, got {step}")
        check_at_least("low_side", low_side, 0)
        if low_side > SIDE:
            raise ValueError(f"low_side must be at most {SIDE}, got {low_side}")
        self.low_step = low_step
        self.high_step = high_step
        self.low_side = low_side

    def transform(self, images: Tensor, draws: Draws, index: int) -> Tensor:
        """Return images (B, 3, H, W) with rounded spectra."""
        height, width = images.shape[-2:]
        whole = F.pad(images * 255, (0, -width % SIDE, 0, -height % SIDE), mode="replicate").double()
        blocks = whole.unfold(2, SIDE, SIDE).unfold(3, SIDE, SIDE)
        cosines = dct_basis(SIDE, blocks)
        steps = blocks.new_full((SIDE, SIDE), self.high_step)
        steps[: self.low_side, : self.low_side] = self.low_step
        spectra = cosines @ blocks @ cosines.T
        # Means of 8-bit pixels are often exactly between two levels; the last digits, which the hardware and the size
        # of the batch decide, must not choose.
        levels = (spectra / steps).round(decimals=9).round()
        made: Tensor = (cosines.T @ (levels * steps) @ cosines).transpose(3, 4).reshape(whole.shape)
        return (made[..., :height, :width] / 255).clamp(0, 1).to(images.dtype)
