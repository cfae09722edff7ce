import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import fft
from torch import Tensor

from naa_lightning.models.defences import FeatureDistillation
from tests.models.defences.given import DRAWS, eight_bit_images


def by_scipy(channel: NDArray[np.float64], low: float, high: float, low_side: int) -> NDArray[np.float64]:
    height, width = channel.shape
    padded = np.pad(channel * 255, ((0, -height % 8), (0, -width % 8)), mode="edge")
    steps = np.array([[low if max(row, column) < low_side else high for column in range(8)] for row in range(8)])
    for top in range(0, padded.shape[0], 8):
        for left in range(0, padded.shape[1], 8):
            block = padded[top : top + 8, left : left + 8]
            block[:] = fft.idctn(np.rint(fft.dctn(block, norm="ortho") / steps) * steps, norm="ortho")
    return np.clip(padded[:height, :width] / 255, 0, 1)


@pytest.mark.parametrize("size", [(16, 24), (37, 21), (3, 8)], ids=str)
@pytest.mark.parametrize(("low", "high", "low_side"), [(25.0, 30.0, 4), (20.0, 60.0, 2), (40.0, 10.0, 8)])
def test_images_are_those_of_scipy(size: tuple[int, int], low: float, high: float, low_side: int) -> None:
    images = torch.rand(2, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    defence = FeatureDistillation(low_step=low, high_step=high, low_side=low_side)
    made = defence.transform(images, DRAWS, 0)
    for image, result in zip(images.numpy(), made.numpy(), strict=True):
        for channel, got in zip(image, result, strict=True):
            np.testing.assert_allclose(got, by_scipy(channel, low, high, low_side), atol=1e-12)


def test_the_defaults_are_the_releases() -> None:
    images = torch.rand(1, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    explicit = FeatureDistillation(low_step=25, high_step=30, low_side=4).transform(images, DRAWS, 0)
    assert torch.equal(FeatureDistillation().transform(images, DRAWS, 0), explicit)


def waves(row: int, column: int, strength: float) -> Tensor:
    """Mid-grey with one cosine, whose coefficient for values from 0 to 255 is the strength."""
    place = torch.arange(8, dtype=torch.float64) + 0.5
    down, across = (torch.cos(math.pi / 8 * frequency * place) for frequency in (row, column))
    down, across = down / down.norm(), across / across.norm()
    made: Tensor = (125 + strength * down[:, None] * across) / 255  # 125 is 40 low steps
    return made.expand(1, 3, 8, 8)


@pytest.mark.parametrize(
    ("row", "column", "strength", "expected"),
    [
        (3, 3, 37, 25),
        (3, 3, 38, 50),
        (4, 3, 44, 30),
        (3, 4, 46, 60),
        (7, 7, 14, 0),
        (7, 7, -16, -30),
        (0, 1, 12, 0),
        (0, 1, 13, 25),
    ],
)
def test_a_cosine_is_rounded_to_its_step(row: int, column: int, strength: float, expected: float) -> None:
    made = FeatureDistillation().transform(waves(row, column, strength), DRAWS, 0)
    torch.testing.assert_close(made, waves(row, column, expected), rtol=0, atol=1e-12)


def test_ties_do_not_depend_on_the_last_digits() -> None:
    lower = torch.arange(10, 70)
    sums = 200 * lower + 100  # of a block's pixels, so that their mean is exactly between two levels
    pixels = (sums[:, None] + torch.randperm(64, generator=torch.Generator().manual_seed(0))) // 64
    assert torch.equal(pixels.sum(1), sums)
    blocks = pixels.view(-1, 1, 8, 8).expand(-1, 3, -1, -1) / 255
    made = FeatureDistillation(high_step=1e-3, low_side=1).transform(blocks, DRAWS, 0)
    levels = made.double().mean((1, 2, 3)) * 255 * 8 / 25
    even = lower + lower % 2
    torch.testing.assert_close(levels, even.double(), rtol=0, atol=0.05)


def test_fine_steps_change_little() -> None:
    images = eight_bit_images(1, 3, 37, 21)
    made = FeatureDistillation(low_step=0.01, high_step=0.01).transform(images, DRAWS, 0)
    torch.testing.assert_close(made, images, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("low_step", 0, "low_step must be above 0, got 0"),
        ("low_step", math.nan, "low_step must be above 0, got nan"),
        ("high_step", -30, "high_step must be above 0, got -30"),
        ("high_step", math.inf, "high_step must be above 0, got inf"),
        ("low_side", -1, "low_side must be at least 0, got -1"),
        ("low_side", 9, "low_side must be at most 8, got 9"),
    ],
)
def test_values_out_of_range_are_refused(key: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FeatureDistillation(**{key: value})
