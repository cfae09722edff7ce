import torch
from torch import Tensor

from naa_lightning.attacks import (
    ScaleInvariant,
)
from tests.attacks.transforms.given import DRAWS


def test_scales_halve_the_contrast_around_mid_grey(images: Tensor) -> None:
    for index in range(-5, 10):
        expected = 0.5 + (images - 0.5) * [1, 1 / 2, 1 / 4, 1 / 8, 1 / 16][index % 5]
        torch.testing.assert_close(ScaleInvariant(copies=5)(images, index, DRAWS), expected)
