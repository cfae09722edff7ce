from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from naa_lightning.rng import SeededDraws
from naa_lightning.training import Augmentation

IMAGES = torch.rand(64, 3, 9, 12, generator=torch.Generator().manual_seed(0))


def augmented(images: Tensor, seed: int = 0, **options: Any) -> Tensor:
    return Augmentation(**options)(images, SeededDraws(seed, range(len(images))))


def test_nothing_is_changed_unasked() -> None:
    assert augmented(IMAGES) is IMAGES


def test_flipping_mirrors_left_to_right() -> None:
    torch.testing.assert_close(augmented(IMAGES, flip=1.0), IMAGES.flip(-1), atol=1e-5, rtol=0)


def test_each_image_is_flipped_or_left_by_itself() -> None:
    seen = augmented(IMAGES, flip=0.5)
    flipped = [bool(torch.isclose(a, b.flip(-1), atol=1e-5).all()) for a, b in zip(seen, IMAGES, strict=True)]
    same = [bool(torch.isclose(a, b, atol=1e-5).all()) for a, b in zip(seen, IMAGES, strict=True)]
    assert [not was for was in flipped] == same
    assert 20 < sum(flipped) < 44


def test_shifts_are_whole_pixels_of_the_image_mirrored_at_its_edges() -> None:
    shift = 2
    mirrored = torch.cat([IMAGES[:, :, :shift].flip(2), IMAGES, IMAGES[:, :, -shift:].flip(2)], 2)
    mirrored = torch.cat([mirrored[..., :shift].flip(3), mirrored, mirrored[..., -shift:].flip(3)], 3)
    moves = set()
    for seen, image in zip(augmented(IMAGES, shift=shift), mirrored, strict=True):
        fitting = [
            (down, right)
            for down in range(2 * shift + 1)
            for right in range(2 * shift + 1)
            if torch.allclose(seen, image[:, down : down + 9, right : right + 12], atol=1e-4)
        ]
        assert len(fitting) == 1
        moves.update(fitting)
    assert {down for down, _ in moves} == {right for _, right in moves} == set(range(2 * shift + 1))


def test_crops_are_of_the_asked_area_and_inside_the_image() -> None:
    size = 64
    across = (torch.arange(size) + 0.5) / size
    image = torch.stack([across.expand(size, size), across[:, None].expand(size, size), torch.zeros(size, size)])
    seen = augmented(image.expand(200, -1, -1, -1), smallest_crop=0.25)
    inner = slice(size // 4, -size // 4)  # away from where the enlarged image repeats its last pixel
    slopes = (seen[:, 0, inner, inner].diff(dim=2) * size).mean((1, 2))
    torch.testing.assert_close(slopes, (seen[:, 1, inner, inner].diff(dim=1) * size).mean((1, 2)), atol=1e-3, rtol=0)
    areas = slopes.square()
    assert 0.24 < areas.min() < 0.3
    assert 0.9 < areas.max() < 1.01
    assert areas.mean() == pytest.approx((0.25 + 1) / 2, abs=0.05)
    assert seen[:, :2].amin() >= across[0] - 1e-5
    assert seen.amax() <= across[-1] + 1e-5
    middles = seen[:, :2, size // 2 - 1 : size // 2 + 1, size // 2 - 1 : size // 2 + 1].mean((2, 3))
    assert middles.std(0).min() > 0.05


def test_a_square_is_covered_with_grey_anywhere() -> None:
    images = torch.full((300, 3, 9, 12), 0.2)
    grey = augmented(images, covered=4) != images
    assert torch.equal(grey[:, :1].expand_as(grey), grey)
    rows, columns = grey[:, 0].any(2).sum(1), grey[:, 0].any(1).sum(1)
    assert torch.equal(grey[:, 0].flatten(1).sum(1), rows * columns)
    assert (int(rows.min()), int(rows.max())) == (int(columns.min()), int(columns.max())) == (2, 4)
    assert grey[:, 0].any(0).all()
    assert (augmented(images, covered=4)[grey] == 0.5).all()


def test_an_image_is_seen_alike_among_any_others() -> None:
    options: dict[str, Any] = {"flip": 0.5, "shift": 3, "smallest_crop": 0.5}
    alone = Augmentation(**options)(IMAGES[5:6], SeededDraws(0, [5]))
    torch.testing.assert_close(alone, augmented(IMAGES, **options)[5:6])
    assert not torch.allclose(augmented(IMAGES, seed=1, **options), augmented(IMAGES, **options))


def test_the_whole_image_is_seen_where_a_crop_may_be_all_of_it() -> None:
    enlarged = augmented(IMAGES, smallest_crop=0.999999)
    torch.testing.assert_close(enlarged, IMAGES, atol=1e-3, rtol=0)
    assert F.mse_loss(augmented(IMAGES, smallest_crop=0.5), IMAGES) > 0.01


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"flip": 1.5}, r"flip must be in \[0, 1\], got 1.5"),
        ({"shift": -1}, "shift must be at least 0, got -1"),
        ({"covered": -1}, "covered must be at least 0, got -1"),
        ({"smallest_crop": 0.0}, r"smallest_crop must be in \(0, 1\], got 0.0"),
    ],
)
def test_what_is_out_of_range(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Augmentation(**options)
