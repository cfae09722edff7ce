from collections.abc import Sequence

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from naa_lightning.attacks import (
    DiverseInput,
)
from tests.attacks.transforms.given import GivenDraws, random_images


def diverse(image: Tensor, numbers: Sequence[float], enlargement: float) -> Tensor:
    """The published pipeline: enlarge, pad with mid-grey, shrink."""
    _, share, top, left = numbers
    larger = [round(side * enlargement) for side in image.shape[1:]]
    height, width = (side + int(share * (most - side)) for side, most in zip(image.shape[1:], larger, strict=True))
    above, before = int(top * (larger[0] - height)), int(left * (larger[1] - width))
    enlarged = F.interpolate(image[None], size=(height, width), mode="nearest")
    padding = (before, larger[1] - width - before, above, larger[0] - height - above)
    return F.interpolate(F.pad(enlarged, padding, value=0.5), size=image.shape[1:], mode="nearest")[0]


@pytest.mark.parametrize("size", [(299, 299), (32, 32), (40, 32), (299, 224), (8, 8)])
@pytest.mark.parametrize("enlargement", ["331/299", 1.25, 2])
def test_diverse_input_is_the_published_pipeline(size: tuple[int, int], enlargement: float | str) -> None:
    numbers = random_images(6, 4)
    numbers[0], numbers[1] = 0, 1 - 1e-9
    images = random_images(6, 3, *size)
    made = DiverseInput(probability=1, enlargement=enlargement)(images, 0, GivenDraws({"dim": numbers}))
    factor = 331 / 299 if isinstance(enlargement, str) else enlargement
    for image, row, ours in zip(images, numbers.tolist(), made, strict=True):
        assert torch.equal(ours, diverse(image, row, factor))


@pytest.mark.parametrize("probability", [0.0, 0.3, 0.7, 1.0])
def test_diverse_input_changes_images_with_its_probability(probability: float) -> None:
    chances = torch.arange(10, dtype=torch.float64) / 10
    numbers = torch.stack([chances, *torch.full((3, 10), 0.5, dtype=torch.float64)], dim=1)
    images = random_images(10, 3, 32, 32)
    made = DiverseInput(probability=probability)(images, 0, GivenDraws({"dim": numbers}))
    assert torch.equal((made != images).flatten(1).any(1), chances < probability)
