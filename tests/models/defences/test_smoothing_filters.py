import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage

from naa_lightning.models.defences import Gaussian, Median
from tests.models.defences.given import DRAWS, eight_bit_images


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 9, 20])
@pytest.mark.parametrize("sides", [(40, 24), (7, 3), (1, 5)], ids=str)
def test_median_is_scipys(size: int, sides: tuple[int, int]) -> None:
    images = eight_bit_images(2, 3, *sides)
    expected = ndimage.median_filter(images.numpy(), size=(1, 1, size, size), mode="reflect")
    assert torch.equal(Median(size=size).transform(images, DRAWS, 0), torch.from_numpy(expected))


def test_medians_default_window_has_two_pixels_per_side() -> None:
    images = torch.tensor([[0.1, 0.9], [0.4, 0.6]]).expand(1, 3, 2, 2)
    assert Median().transform(images, DRAWS, 0)[0, 0].tolist() == pytest.approx(np.array([[0.1, 0.9], [0.4, 0.6]]))


def test_median_of_one_pixel_changes_nothing() -> None:
    images = eight_bit_images(1, 3, 9, 8)
    assert torch.equal(Median(size=1).transform(images, DRAWS, 0), images)


@pytest.mark.parametrize(("sigma", "size"), [(1.0, 5), (0.5, 3), (2.0, 9)])
@pytest.mark.parametrize("sides", [(40, 24), (7, 6)], ids=str)
def test_gaussian_is_scipys(sigma: float, size: int, sides: tuple[int, int]) -> None:
    images = eight_bit_images(2, 3, *sides).double()
    expected = ndimage.gaussian_filter(images.numpy(), (0, 0, sigma, sigma), mode="mirror", radius=size // 2)
    made = Gaussian(sigma=sigma, size=size).transform(images, DRAWS, 0)
    torch.testing.assert_close(made, torch.from_numpy(expected), rtol=0, atol=1e-6)


def test_gaussians_default_spreads_a_point() -> None:
    images = torch.zeros(1, 3, 11, 11)
    images[:, :, 5, 5] = 1
    weights = torch.exp(-(torch.arange(-5.0, 6.0) ** 2) / 2) * (torch.arange(-5, 6).abs() <= 2)
    weights /= weights.sum()
    made = Gaussian().transform(images, DRAWS, 0)
    torch.testing.assert_close(made[0, 1], weights[:, None] * weights)


def test_gaussian_of_one_pixel_changes_nothing() -> None:
    images = eight_bit_images(1, 3, 9, 8)
    assert torch.equal(Gaussian(size=1).transform(images, DRAWS, 0), images)


@pytest.mark.parametrize(
    ("make", "key", "value", "message"),
    [
        (Median, "size", 0, "size must be at least 1, got 0"),
        (Gaussian, "size", 0, "size must be odd and at least 1, got 0"),
        (Gaussian, "size", 4, "size must be odd and at least 1, got 4"),
        (Gaussian, "size", -3, "size must be odd and at least 1, got -3"),
        (Gaussian, "sigma", 0, "sigma must be above 0, got 0"),
        (Gaussian, "sigma", math.nan, "sigma must be above 0, got nan"),
        (Gaussian, "sigma", math.inf, "sigma must be above 0, got inf"),
    ],
)
def test_values_out_of_range_are_refused(make: Any, key: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**{key: value})
