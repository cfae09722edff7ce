"""The discrete cosine transform."""

import math

import torch
from torch import Tensor


def dct_basis(side: int, like: Tensor) -> Tensor:
    """Return the orthonormal DCT-II as a matrix C: C x is the spectrum of a signal x, and its transpose the inverse.

    Args:
        side: The length of the signal.
        like: A tensor of the wanted dtype and device.

    Example:
        >>> basis = dct_basis(4, torch.zeros(1))
        >>> torch.allclose(basis @ basis.T, torch.eye(4), atol=1e-6)
        True
        >>> (basis @ torch.ones(4)).round(decimals=4).abs().tolist()
        [2.0, 0.0, 0.0, 0.0]
    """
    n = torch.arange(side, dtype=torch.float64)
    basis = torch.cos(math.pi / side * (n + 0.5) * n[:, None]) * math.sqrt(2 / side)
    basis[0] /= math.sqrt(2)
    return basis.to(like)
