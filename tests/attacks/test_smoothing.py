import numpy as np
import pytest
import torch
from scipy import ndimage, stats
from torch import Tensor
from torch.nn import functional as F

from naa_lightning.attacks import TranslationInvariant

SIDES = [3, 5, 15]


@pytest.fixture
def gradient() -> Tensor:
    return torch.randn(2, 3, 20, 17, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def kernel(side: int) -> Tensor:
    """The release's, as a whole."""
    row = stats.norm.pdf(np.linspace(-3, 3, side))
    return torch.from_numpy(np.outer(row, row) / np.outer(row, row).sum())


@pytest.mark.parametrize("side", SIDES)
def test_smoothing_is_a_convolution_with_the_outer_product(side: int, gradient: Tensor) -> None:
    smoothed = TranslationInvariant(kernel=side)(gradient)
    weights = kernel(side).expand(3, 1, -1, -1)
    torch.testing.assert_close(smoothed, F.conv2d(gradient, weights, padding=side // 2, groups=3))
    expected = ndimage.convolve(gradient.numpy(), kernel(side).numpy()[None, None], mode="constant", cval=0)
    torch.testing.assert_close(smoothed, torch.from_numpy(expected))


def test_a_point_becomes_the_kernel(gradient: Tensor) -> None:
    point = torch.zeros_like(gradient)
    point[1, 2, 9, 8] = 2.0
    smoothed = TranslationInvariant(kernel=5)(point)
    torch.testing.assert_close(smoothed[1, 2, 7:12, 6:11], 2 * kernel(5))
    smoothed[1, 2, 7:12, 6:11] = 0
    assert not smoothed.any()


def test_a_kernel_of_one_pixel_changes_nothing(gradient: Tensor) -> None:
    assert torch.equal(TranslationInvariant(kernel=1)(gradient), gradient)
    assert torch.equal(TranslationInvariant(kernel=1)(gradient.float()), gradient.float())


@pytest.mark.parametrize("side", SIDES)
def test_the_sum_of_what_lies_inside_is_kept(side: int, gradient: Tensor) -> None:
    reach = side // 2
    inside = torch.zeros_like(gradient)
    inside[:, :, reach:-reach, reach:-reach] = gradient[:, :, reach:-reach, reach:-reach]
    smoothed = TranslationInvariant(kernel=side)(inside)
    torch.testing.assert_close(smoothed.sum(dim=(2, 3)), inside.sum(dim=(2, 3)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_gradients_shape_and_dtype_are_kept(dtype: torch.dtype, gradient: Tensor) -> None:
    smoothed = TranslationInvariant()(gradient.to(dtype))
    assert smoothed.shape == gradient.shape
    assert smoothed.dtype == dtype


@pytest.mark.parametrize("side", [0, -1, -3, 2, 14])
def test_other_kernels_are_refused(side: int) -> None:
    with pytest.raises(ValueError, match=f"kernel must be odd and at least 1, got {side}"):
        TranslationInvariant(kernel=side)
