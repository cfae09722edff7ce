import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor

from naa_lightning.attacks import (
    Admix,
    BlockShuffle,
    DiverseInput,
    Draws,
    ScaleInvariant,
    SeededDraws,
    Spectrum,
    StructureInvariant,
    Transform,
)
from naa_lightning.attacks.transforms import copies_of, transformed
from tests.attacks.transforms.given import DRAWS, POOL, random_images

TRANSFORMS: dict[str, Transform] = {
    "admix": Admix(),
    "block_shuffle": BlockShuffle(blocks=3),
    "diverse_input": DiverseInput(probability=1, enlargement=1.5),
    "scale_invariant": ScaleInvariant(),
    "spectrum": Spectrum(),
    "structure_invariant": StructureInvariant(),
}
RANDOM = [name for name in TRANSFORMS if name != "scale_invariant"]
every_transform = pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=list(TRANSFORMS))


@every_transform
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shape_and_dtype_are_kept(transform: Transform, dtype: torch.dtype, images: Tensor) -> None:
    made = transform(images.to(dtype), 3, DRAWS)
    assert made.shape == images.shape
    assert made.dtype == dtype


@every_transform
def test_an_image_does_not_depend_on_its_neighbours(transform: Transform, images: Tensor) -> None:
    made = transform(images, 1, DRAWS)
    assert torch.equal(transform(images, 1, DRAWS), made)
    for i in range(3):
        alone = transform(images[i : i + 1], 1, SeededDraws(0, [i], POOL))
        torch.testing.assert_close(alone, made[i : i + 1], rtol=0, atol=1e-12)


@every_transform
def test_every_copy_is_another(transform: Transform, images: Tensor) -> None:
    first, second = transform(images, 1, DRAWS), transform(images, 2, DRAWS)
    assert ((first - second).abs().amax((1, 2, 3)) > 1e-3).all()


@pytest.mark.parametrize("name", RANDOM)
def test_copies_for_later_gradients_are_drawn_anew(name: str, images: Tensor) -> None:
    transform = TRANSFORMS[name]
    assert not torch.equal(transform(images, 0, DRAWS), transform(images, transform.copies, DRAWS))


@pytest.mark.parametrize("name", RANDOM)
def test_images_have_draws_of_their_own(name: str, images: Tensor) -> None:
    same = images[:1].expand(3, -1, -1, -1)
    first, second, third = TRANSFORMS[name](same, 1, DRAWS)
    assert not torch.equal(first, second)
    assert not torch.equal(second, third)


@pytest.mark.parametrize("name", ["admix", "block_shuffle", "diverse_input", "scale_invariant", "structure_invariant"])
def test_gradients_are_carried_back(name: str) -> None:
    images = (0.3 + 0.4 * random_images(1, 3, 5, 4)).requires_grad_()
    for index in range(3):
        assert torch.autograd.gradcheck(lambda x: TRANSFORMS[name](x, index, SeededDraws(0, [5], POOL)), images)  # noqa: B023


@pytest.mark.parametrize(
    "transform",
    [
        DiverseInput(probability=0),
        DiverseInput(probability=1, enlargement=1),
        ScaleInvariant(copies=1),
        Admix(share=0),
        BlockShuffle(blocks=1, angle=0),
    ],
)
def test_some_settings_change_nothing(transform: Transform, images: Tensor) -> None:
    for index in range(5):
        torch.testing.assert_close(transform(images, index, DRAWS), images, rtol=0, atol=1e-15)


@dataclass
class Recorder(Transform):
    """Multiplies and adds, and notes which copies it was asked for."""

    copies: int
    factor: float = 1.0
    offset: float = 0.0
    asked: list[int] = field(default_factory=list)

    def __call__(self, images: Tensor, index: int, draws: Draws) -> Tensor:
        self.asked.append(index)
        return self.factor * images + self.offset


def test_copies_multiply() -> None:
    assert copies_of([]) == 1
    assert copies_of([Recorder(3)]) == 3
    assert copies_of([Recorder(2), Recorder(3), Recorder(5)]) == 30


def test_no_transform_gives_the_images_themselves(images: Tensor) -> None:
    assert transformed(images, [], 7, DRAWS) is images


def test_transforms_are_applied_in_order(images: Tensor) -> None:
    made = transformed(images, [Recorder(1, factor=2), Recorder(1, offset=1)], 0, DRAWS)
    torch.testing.assert_close(made, 2 * images + 1)


def test_an_earlier_copy_is_the_same_below_all_copies_of_the_later_ones(images: Tensor) -> None:
    first, second, third = Recorder(2), Recorder(3), Recorder(2)
    for number in range(24):  # two gradients
        transformed(images, [first, second, third], number, DRAWS)
    assert first.asked == [0] * 6 + [1] * 6 + [2] * 6 + [3] * 6
    assert second.asked == [number for number in range(12) for _ in range(2)]
    assert third.asked == list(range(24))


def test_negative_numbers_count_through_the_copies_in_turn_too(images: Tensor) -> None:
    first, second = Recorder(2), Recorder(3)
    for number in range(-1, -13, -1):
        transformed(images, [first, second], number, DRAWS)
    assert first.asked == [-1] * 3 + [-2] * 3 + [-3] * 3 + [-4] * 3
    assert second.asked == list(range(-1, -13, -1))
    assert [index % 2 for index in first.asked] == [1, 1, 1, 0, 0, 0] * 2
    assert [index % 3 for index in second.asked] == [2, 1, 0] * 4


def test_every_scale_has_the_same_mixture_below_it(images: Tensor) -> None:
    mixtures = []
    for number in range(30):
        seen = transformed(images, [Admix(copies=3), ScaleInvariant(copies=5)], number, DRAWS)
        mixtures.append((seen - 0.5) * 2 ** (number % 5) + 0.5)
    for number, mixture in enumerate(mixtures):
        torch.testing.assert_close(mixture, mixtures[number // 5 * 5])
        torch.testing.assert_close(mixture, Admix(copies=3)(images, number // 5, DRAWS))


@pytest.mark.parametrize(
    ("make", "key", "value", "message"),
    [
        (DiverseInput, "probability", -0.1, r"probability must be between 0 and 1, got -0\.1"),
        (DiverseInput, "probability", 1.1, r"probability must be between 0 and 1, got 1\.1"),
        (DiverseInput, "probability", math.nan, "probability must be between 0 and 1, got nan"),
        (DiverseInput, "enlargement", 0.9, r"enlargement must be at least 1, got 0\.9"),
        (DiverseInput, "enlargement", "299/331", "enlargement must be at least 1, got 299/331"),
        (DiverseInput, "enlargement", math.inf, "enlargement must be at least 1, got inf"),
        (DiverseInput, "enlargement", "a/b", "enlargement must be a number or a fraction such as 16/255, got 'a/b'"),
        (ScaleInvariant, "copies", 0, "copies must be at least 1, got 0"),
        (Admix, "copies", 0, "copies must be at least 1, got 0"),
        (Admix, "share", -0.1, r"share must be at least 0, got -0\.1"),
        (Admix, "share", math.nan, "share must be at least 0, got nan"),
        (BlockShuffle, "copies", 0, "copies must be at least 1, got 0"),
        (BlockShuffle, "blocks", 0, "blocks must be at least 1, got 0"),
        (BlockShuffle, "angle", -0.1, r"angle must be at least 0, got -0\.1"),
        (BlockShuffle, "angle", math.inf, "angle must be at least 0, got inf"),
        (Spectrum, "copies", 0, "copies must be at least 1, got 0"),
        (Spectrum, "spread", -0.1, r"spread must be at least 0, got -0\.1"),
        (Spectrum, "spread", math.nan, "spread must be at least 0, got nan"),
        (Spectrum, "noise", "-1/255", "noise must be at least 0, got -1/255"),
        (Spectrum, "noise", "16/", "noise must be a number or a fraction such as 16/255, got '16/'"),
        (StructureInvariant, "copies", 0, "copies must be at least 1, got 0"),
        (StructureInvariant, "blocks", 0, "blocks must be at least 1, got 0"),
    ],
)
def test_values_out_of_range_are_refused(make: Callable[..., Transform], key: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**{key: value})
