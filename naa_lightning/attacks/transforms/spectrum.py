"""The transform of SSA (Long et al., ECCV 2022, arXiv:2207.05382)."""

import torch
from torch import Tensor

from naa_lightning.attacks.transforms.transform import Transform
from naa_lightning.models.dct import dct_basis
from naa_lightning.rng import Draws
from naa_lightning.validation import check_at_least, parse_number


class Spectrum(Transform):
    """Add noise and multiply every frequency by a random number: other networks see other spectra.

    As in the release, the gradient is that at the changed image, not carried back through the change.

    Args:
        copies: The number N of changed images.
        spread: The number rho; frequencies are multiplied by numbers uniform in [1 - rho, 1 + rho).
        noise: The standard deviation sigma of the normal noise, written like eps.

    Raises:
        ValueError: A value is out of range.
    """

    def __init__(self, *, copies: int = 20, spread: float = 0.5, noise: float | str = "16/255") -> None:
        check_at_least("copies", copies, 1)
        check_at_least("spread", spread, 0)
        self.copies = copies
        self.spread = spread
        self.noise = parse_number("noise", noise, 0)

    @torch.no_grad()
    def _changed(self, images: Tensor, index: int, draws: Draws) -> Tensor:
        noisy = images + self.noise * draws.normal("ssa/noise", index, images)
        factors = 1 - self.spread + 2 * self.spread * draws.uniform("ssa/factors", index, images)
        rows, columns = (dct_basis(side, images) for side in images.shape[2:])
        spectrum = rows @ noisy @ columns.T
        return rows.T @ (spectrum * factors) @ columns

    def __call__(self, images: Tensor, index: int, draws: Draws) -> Tensor:
        """Return images (B, 3, H, W) with their spectra changed."""
        return images + (self._changed(images, index, draws) - images).detach()
