import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from naa_lightning.models.defences import RandomResizePad
from naa_lightning.rng import SeededDraws
from tests.models.defences.given import DRAWS, GivenDraws, eight_bit_images

PURPOSE = "defence/random_resize_pad"


def given(*rows: list[float]) -> GivenDraws:
    return GivenDraws({PURPOSE: rows})


def placed(image: Tensor, side: tuple[int, int], place: tuple[int, int], larger: tuple[int, int]) -> Tensor:
    """Resized and padded by torch."""
    resized = F.interpolate(image[None], size=side, mode="nearest")[0]
    below, right = larger[0] - side[0] - place[0], larger[1] - side[1] - place[1]
    return F.pad(resized, (place[1], right, place[0], below), value=0.5)


def test_images_are_resized_and_padded_as_torch_does() -> None:
    images = eight_bit_images(3, 3, 40, 24)
    draws = given([0.0, 0.0, 0.999], [0.5, 0.5, 0.25], [0.999, 0.999, 0.0])
    made = RandomResizePad(enlargement=1.5).transform(images, draws, 0)
    assert made.shape == (3, 3, 60, 36)
    assert torch.equal(made[0], placed(images[0], (40, 24), (0, 12), (60, 36)))
    assert torch.equal(made[1], placed(images[1], (50, 30), (5, 1), (60, 36)))
    assert torch.equal(made[2], placed(images[2], (59, 35), (1, 0), (60, 36)))


def test_the_papers_images_become_331_pixels_large() -> None:
    images = eight_bit_images(1, 3, 299, 299)
    made = RandomResizePad().transform(images, given([0.4, 0.3, 0.6]), 0)
    assert torch.equal(made[0], placed(images[0], (311, 311), (6, 12), (331, 331)))


def test_sides_and_places_are_the_papers_and_uniform() -> None:
    images = torch.zeros(4000, 3, 299, 1)
    made = RandomResizePad().transform(images, SeededDraws(0, range(4000)), 0)[:, 0, :, 0] == 0
    sides, places = made.sum(1), made.int().argmax(1)
    counts = torch.bincount(sides - 299)
    assert len(counts) == 32  # from 299 to 330
    assert (counts - 125).abs().max() < 5 * math.sqrt(125)
    assert set(places[sides == 299].tolist()) <= set(range(33))
    assert set(places[sides == 315].tolist()) == set(range(17))
    last = places[sides == 330].double()
    assert set(last.tolist()) == {0, 1}
    assert abs(last.mean() - 0.5) < 2.5 / math.sqrt(len(last))


def test_the_network_sees_every_pixel_of_the_image() -> None:
    rows = torch.arange(32.0).view(1, 1, 32, 1).expand(1, 3, 32, 32) / 255
    for index in range(20):
        made = RandomResizePad().transform(rows, SeededDraws(0, [4]), index)
        assert made.shape == (1, 3, 35, 35)
        assert set((made[made != 0.5] * 255).tolist()) == set(range(32))


def test_no_enlargement_changes_nothing() -> None:
    images = eight_bit_images(3, 3, 40, 24)
    assert torch.equal(RandomResizePad(enlargement=1).transform(images, DRAWS, 7), images)


def test_it_is_asked_as_often_as_it_says() -> None:
    assert RandomResizePad().repeats == 5
    assert RandomResizePad(repeats=30).repeats == 30


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("enlargement", "299/331", "enlargement must be at least 1, got 299/331"),
        ("enlargement", "a/b", "enlargement must be a number or a fraction such as 16/255, got 'a/b'"),
        ("enlargement", math.inf, "enlargement must be at least 1, got inf"),
        ("repeats", 0, "repeats must be at least 1, got 0"),
    ],
)
def test_values_out_of_range_are_refused(key: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RandomResizePad(**{key: value})
