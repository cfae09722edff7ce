from io import BytesIO
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from naa_lightning.models.defences import Jpeg
from tests.models.defences.given import DRAWS, eight_bit_images


@pytest.mark.parametrize("quality", [1, 75, 100])
def test_images_are_those_of_pillow(quality: int) -> None:
    images = eight_bit_images(2, 3, 37, 26)
    made = Jpeg(quality=quality).transform(images, DRAWS, 0)
    for image, got in zip(images.tolist(), made, strict=True):
        file = BytesIO()
        pixels = np.uint8(np.rint(255 * np.moveaxis(np.array(image), 0, 2)))
        Image.fromarray(pixels, "RGB").save(file, format="jpeg", quality=quality)
        expected = np.array(Image.open(BytesIO(file.getvalue()))) / 255
        np.testing.assert_allclose(got.numpy(), np.moveaxis(expected, 2, 0), atol=1e-7)


def test_images_are_rounded_to_8_bits_not_cut() -> None:
    images = eight_bit_images(1, 3, 32, 32) * 0.9 + 0.05
    rounded = (images * 255).round() / 255
    made = Jpeg().transform(images, DRAWS, 0)
    assert torch.equal(made, Jpeg().transform(rounded, DRAWS, 0))
    assert not torch.equal(made, Jpeg().transform((images * 255).floor() / 255, DRAWS, 0))


def test_values_out_of_range_do_not_wrap_around() -> None:
    images = eight_bit_images(1, 3, 32, 32)
    wild = 3 * images - 1
    assert torch.equal(Jpeg().transform(wild, DRAWS, 0), Jpeg().transform(wild.clamp(0, 1), DRAWS, 0))


def test_a_high_quality_changes_a_smooth_image_little() -> None:
    ramp = torch.linspace(0.1, 0.9, 64).expand(1, 3, 48, 64)
    fine, coarse = ((Jpeg(quality=quality).transform(ramp, DRAWS, 0) - ramp).abs().max() for quality in (100, 5))
    assert fine <= 2 / 255
    assert coarse > 5 / 255


@pytest.mark.parametrize("quality", [0, 101, -75])
def test_a_quality_out_of_range_is_refused(quality: Any) -> None:
    with pytest.raises(ValueError, match=f"quality must be between 1 and 100, got {quality}"):
        Jpeg(quality=quality)
