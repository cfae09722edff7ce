import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import fft, ndimage, stats
from torch import Tensor
from torch.nn import functional as F

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
from naa_lightning.attacks.transforms.block_shuffle import _rotated, _truncated_normal
from naa_lightning.attacks.transforms.blocks import edges_at_random_places, edges_of_random_lengths
from naa_lightning.attacks.transforms.cosine import cosine_basis
from naa_lightning.attacks.transforms.structure_invariant import CHANGES

Array = NDArray[np.float64]

POOL = [torch.rand(3, side, 9, generator=torch.Generator().manual_seed(side)) for side in range(6, 40)]
DRAWS = SeededDraws(0, [0, 1, 2], POOL)
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


@dataclass(frozen=True)
class GivenDraws:
    """Gives the same uniform numbers, by purpose, whatever the index; and no donors."""

    uniforms: Mapping[str, Tensor]
    normals: Mapping[str, Tensor] = field(default_factory=dict)

    def normal(self, purpose: str, index: int, like: Tensor) -> Tensor:
        return self.normals[purpose].to(like).view_as(like)

    def uniform(self, purpose: str, index: int, like: Tensor) -> Tensor:
        return self.uniforms[purpose].to(like).view_as(like)

    def donors(self, purpose: str, index: int, like: Tensor) -> Tensor:
        raise AssertionError("these draws have no pool")


def random_images(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def images() -> Tensor:
    return random_images(3, 3, 12, 9)


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


# Diverse input


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


# Scale invariance and Admix


def test_scales_halve_the_contrast_around_mid_grey(images: Tensor) -> None:
    for index in range(-5, 10):
        expected = 0.5 + (images - 0.5) * [1, 1 / 2, 1 / 4, 1 / 8, 1 / 16][index % 5]
        torch.testing.assert_close(ScaleInvariant(copies=5)(images, index, DRAWS), expected)


def test_admix_adds_a_share_of_an_image_of_the_pool() -> None:
    images = random_images(3, 3, 8, 9)
    pool = [*random_images(4, 3, 8, 9, seed=1)]
    picked = set()
    for index in range(20):
        others = (Admix(share=0.3)(images, index, SeededDraws(0, [0, 1, 2], pool)) - images) / 0.3 + 0.5
        distances = torch.stack([(others - candidate).abs().amax((1, 2, 3)) for candidate in pool], dim=1)
        assert (distances.amin(1) < 1e-12).all()
        picked.update(distances.argmin(1).tolist())
    assert picked == {0, 1, 2, 3}


def test_admix_without_a_pool_is_refused(images: Tensor) -> None:
    with pytest.raises(ValueError, match="the attack mixes images: give SeededDraws a pool of clean images"):
        Admix()(images, 0, SeededDraws(0, [0, 1, 2]))


# Block shuffle


def places(height: int, width: int, count: int = 1) -> Tensor:
    """Images whose first two channels tell every pixel's row and column."""
    image = torch.zeros(3, height, width, dtype=torch.float64)
    image[0], image[1] = torch.arange(height)[:, None], torch.arange(width)
    return image.expand(count, -1, -1, -1)


@pytest.mark.parametrize("blocks", [1, 2, 3, 4])
def test_without_rotation_blocks_are_only_shuffled(blocks: int) -> None:
    made = BlockShuffle(blocks=blocks, angle=0)(places(30, 23, 20), 0, SeededDraws(0, range(20)))
    for rows, columns, _ in made:
        assert (rows == rows[:, :1]).all()
        assert (columns == columns[:1]).all()
        for sequence in (rows[:, 0].tolist(), columns[0].tolist()):
            assert sorted(sequence) == list(range(len(sequence)))
            assert sum(after != before + 1 for before, after in pairwise(sequence)) < blocks


def order_of(sequence: list[int]) -> tuple[int, ...] | None:
    """In which order three blocks stand; None where blocks cannot be told apart."""
    starts = [place for before, place in zip([-9, *sequence], sequence, strict=False) if place != before + 1]
    return tuple(np.argsort(starts).tolist()) if len(starts) == 3 else None


def test_rows_and_columns_of_blocks_are_put_in_any_order() -> None:
    """Three orders can be told apart: those in which no block comes right after the one that was before it."""
    made = BlockShuffle(blocks=3, angle=0)(places(60, 60, 600), 0, SeededDraws(0, range(600))).long()
    axes = [[image[0, :, 0].tolist() for image in made], [image[1, 0].tolist() for image in made]]
    orders = [[order_of(sequence) for sequence in axis] for axis in axes]
    for axis, found in zip(axes, orders, strict=True):
        assert set(found) == {None, (0, 2, 1), (1, 0, 2), (2, 1, 0)}
        assert all(70 < found.count(order) < 130 for order in set(found) - {None})
        first = [
            next(i for i in range(60) if sequence[i] + 1 != sequence[i + 1]) + 1
            for sequence in axis
            if order_of(sequence)
        ]
        assert np.mean(first) == pytest.approx(20, abs=2)  # whatever their lengths
    both = [(rows, columns) for rows, columns in zip(*orders, strict=True) if rows and columns]
    assert sum(rows == columns for rows, columns in both) / len(both) == pytest.approx(1 / 3, abs=0.15)


@pytest.mark.parametrize("size", [(6, 6), (7, 7)])
def test_a_quarter_turn_of_a_square_is_exact(size: tuple[int, int]) -> None:
    block = random_images(3, *size)
    torch.testing.assert_close(_rotated(block, math.pi / 2), torch.rot90(block, 1, (1, 2)))
    torch.testing.assert_close(_rotated(block, -math.pi / 2), torch.rot90(block, -1, (1, 2)))
    torch.testing.assert_close(_rotated(block, math.pi), block.flip(1, 2))


@pytest.mark.parametrize("angle", [-0.4, 0.05, 0.2, 1.0])
@pytest.mark.parametrize("size", [(6, 6), (11, 4), (3, 10), (1, 5)])
def test_rotation_is_bilinear_with_mid_grey_around(angle: float, size: tuple[int, int]) -> None:
    block = random_images(3, *size)
    expected = ndimage.rotate(
        block.numpy(), math.degrees(angle), axes=(1, 2), reshape=False, order=1, mode="grid-constant", cval=0.5
    )
    torch.testing.assert_close(_rotated(block, angle), torch.from_numpy(expected))


@pytest.mark.parametrize("size", [(0, 4), (4, 0)])
def test_empty_blocks_are_left_alone(size: tuple[int, int]) -> None:
    assert _rotated(torch.zeros(3, *size), 0.3).shape == (3, *size)


def test_angles_are_normal_within_two_standard_deviations() -> None:
    uniform = (torch.arange(10_000, dtype=torch.float64) + 0.5) / 10_000
    angles = _truncated_normal(uniform)
    torch.testing.assert_close(angles, torch.from_numpy(stats.truncnorm.ppf(uniform.numpy(), -2, 2)))
    assert abs(float(angles.mean())) < 1e-6
    assert float(angles.std()) == pytest.approx(stats.truncnorm.std(-2, 2), abs=1e-4)
    ends = _truncated_normal(torch.tensor([0.0, 1 - 2**-24]))
    torch.testing.assert_close(ends, torch.tensor([-2.0, 2.0]).double(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("uniform", [0.0, 0.2, 0.5, 0.9])
def test_blocks_are_rotated_by_their_angle(uniform: float) -> None:
    image = random_images(1, 3, 8, 6)
    numbers = torch.tensor([0.1, 0.2, 0.3, 0.4, uniform], dtype=torch.float64)
    made = BlockShuffle(blocks=1, angle=0.3)(image, 0, GivenDraws({"bsr": numbers}))
    torch.testing.assert_close(made[0], _rotated(image[0], 0.3 * float(stats.truncnorm.ppf(uniform, -2, 2))))


def test_edges_are_rounded_rather_than_lengths() -> None:
    assert edges_of_random_lengths(16, torch.tensor([0.30, 0.36, 0.34])) == [0, 5, 11, 16]  # 4.8, 10.56
    assert edges_of_random_lengths(16, torch.tensor([0.30, 0.355, 0.345])) == [0, 5, 10, 16]  # 4.8, 10.48


@given(side=st.integers(16, 300), uniform=st.lists(st.floats(0, 1, width=32), min_size=1, max_size=4))
@settings(deadline=None)
def test_blocks_lengths_are_in_proportion_to_their_numbers(side: int, uniform: list[float]) -> None:
    edges = edges_of_random_lengths(side, torch.tensor(uniform))
    lengths = [after - before for before, after in pairwise(edges)]
    assert (edges[0], edges[-1], len(lengths)) == (0, side, len(uniform))
    assert min(lengths) >= 0
    if sum(uniform) > 1e-3:
        for length, number in zip(lengths, uniform, strict=True):
            assert abs(length - side * number / sum(uniform)) <= len(uniform) / 2 + 1e-3


# Spectrum


@pytest.mark.parametrize(("height", "width"), [(8, 8), (1, 5), (12, 9), (33, 20)])
def test_the_cosine_basis_is_the_orthonormal_dct(height: int, width: int) -> None:
    image = random_images(3, height, width)
    spectrum = cosine_basis(height, image) @ image @ cosine_basis(width, image).T
    expected = fft.dctn(image.numpy(), type=2, norm="ortho", axes=(1, 2))
    torch.testing.assert_close(spectrum, torch.from_numpy(expected))


def test_spectrum_is_the_published_formula(images: Tensor) -> None:
    noise, factors = torch.randn(images.shape, generator=torch.Generator().manual_seed(1)), random_images(*images.shape)
    draws = GivenDraws({"ssa/factors": factors}, {"ssa/noise": noise})
    made = Spectrum(spread=0.5, noise="16/255")(images, 0, draws)
    noisy = images.numpy() + noise.double().numpy() * (16 / 255)
    spectrum = fft.dctn(noisy, norm="ortho", axes=(2, 3)) * (factors.numpy() * 2 * 0.5 + 1 - 0.5)
    torch.testing.assert_close(made, torch.from_numpy(fft.idctn(spectrum, norm="ortho", axes=(2, 3))))


def test_spectrum_without_spread_and_noise_changes_nothing(images: Tensor) -> None:
    torch.testing.assert_close(Spectrum(spread=0, noise=0)(images, 0, DRAWS), images, rtol=0, atol=1e-13)


def test_the_gradient_passes_the_spectrum_unchanged(images: Tensor) -> None:
    weights = random_images(*images.shape, seed=1)
    point = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad((Spectrum()(point, 0, DRAWS) * weights).sum(), point)
    assert torch.equal(gradient, weights)


# Structure invariance


def bilinear(size: int, made: int) -> Array:
    """The matrix that resizes a signal by joining its samples' centres."""
    weights = np.zeros((made, size))
    for i in range(made):
        place = max((i + 0.5) * size / made - 0.5, 0)
        low = min(int(place), size - 1)
        weights[i, low] += 1 - (place - low)
        weights[i, min(low + 1, size - 1)] += place - low
    return weights


def shrunk_and_back(block: Array) -> Array:
    rows, columns = (bilinear(int(0.8 * s) + 1, s) @ bilinear(s, int(0.8 * s) + 1) for s in block.shape[1:])
    return np.asarray(rows @ block @ columns.T)


def low_frequencies(block: Array) -> Array:
    spectrum = fft.dctn(block, norm="ortho", axes=(1, 2))
    height, width = block.shape[1:]
    spectrum[:, height - int(0.4 * height) :] = 0
    spectrum[:, :, width - int(0.4 * width) :] = 0
    return np.asarray(fft.idctn(spectrum, norm="ortho", axes=(1, 2)))


def without_channels(block: Array, numbers: list[float]) -> Array:
    kept = [0 if number < 0.1 else 1 / 0.9 for number in numbers[1:]]
    return np.stack([channel * factor for channel, factor in zip(block, kept, strict=True)])


REFERENCES: list[Callable[[Array, list[float], Array], Array]] = [
    lambda block, numbers, noise: shrunk_and_back(block),
    lambda block, numbers, noise: np.roll(block, int(numbers[0] * block.shape[1]), axis=1),
    lambda block, numbers, noise: np.roll(block, int(numbers[0] * block.shape[2]), axis=2),
    lambda block, numbers, noise: block[:, ::-1],
    lambda block, numbers, noise: block[:, :, ::-1],
    lambda block, numbers, noise: np.rot90(block, 2, axes=(1, 2)),
    lambda block, numbers, noise: block * numbers[0],
    lambda block, numbers, noise: np.clip(block + 16 / 255 * (noise * 2 - 1), 0, 1),
    lambda block, numbers, noise: low_frequencies(block),
    lambda block, numbers, noise: without_channels(block, numbers),
]
changes = pytest.mark.parametrize("number", range(len(REFERENCES)))


@changes
@pytest.mark.parametrize("size", [(10, 7), (3, 12), (5, 5), (1, 4), (1, 1)])
def test_every_change_is_its_formula(number: int, size: tuple[int, int]) -> None:
    for seed in range(4):
        block, noise = 1.4 * random_images(3, *size, seed=seed) - 0.2, random_images(3, *size, seed=seed + 9)
        numbers = [0.3 * seed, 0.1 * seed, 0.5, 0.099 + 0.002 * seed]
        expected = REFERENCES[number](block.numpy(), numbers, noise.numpy()).copy()
        torch.testing.assert_close(CHANGES[number](block, numbers, noise), torch.from_numpy(expected))


@changes
@pytest.mark.parametrize("within", [0.001, 0.5, 0.999])
def test_the_changes_are_drawn_alike(number: int, within: float) -> None:
    assert len(CHANGES) == len(REFERENCES)
    image, noise = random_images(1, 3, 8, 6), random_images(1, 3, 8, 6, seed=1)
    rest = [0.4, 0.05, 0.5, 0.9]
    draws = GivenDraws(
        {
            "sia/cuts": random_images(1, 8 + 6 - 2, seed=2),
            "sia/changes": torch.tensor([(number + within) / 10, *rest], dtype=torch.float64),
            "sia/noise": noise,
        }
    )
    made = StructureInvariant(blocks=1)(image, 0, draws)
    assert torch.equal(made[0], CHANGES[number](image[0], rest, noise[0]))


@pytest.mark.parametrize("blocks", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(3))
def test_blocks_are_rectangles_changed_each_in_its_own_way(blocks: int, seed: int) -> None:
    """A white image, each of its blocks darkened by a factor of its own."""
    factors = torch.linspace(0.1, 0.9, blocks**2, dtype=torch.float64)
    numbers = torch.zeros(blocks**2, 5, dtype=torch.float64)
    numbers[:, 0], numbers[:, 1] = 0.65, factors
    draws = GivenDraws(
        {
            "sia/cuts": random_images(1, 9 + 7 - 2, seed=seed),
            "sia/changes": numbers,
            "sia/noise": torch.zeros(1, 3, 9, 7),
        }
    )
    made = StructureInvariant(blocks=blocks)(torch.ones(1, 3, 9, 7).double(), 0, draws)
    assert torch.equal(made[0, 0], made[0, 1])
    assert torch.equal(made[0, 0], made[0, 2])
    row, column = (F.pad(edge.diff() != 0, (1, 0)).cumsum(0) for edge in (made[0, 0, :, 0], made[0, 0, 0]))
    assert (int(row.max()), int(column.max())) == (blocks - 1, blocks - 1)
    assert torch.equal(made[0, 0], factors[blocks * row[:, None] + column])


def test_rows_and_columns_are_cut_by_numbers_of_their_own() -> None:
    factors = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    numbers = torch.zeros(4, 5, dtype=torch.float64)
    numbers[:, 0], numbers[:, 1] = 0.65, factors
    cuts = torch.tensor([0.1, 0.5, 0.6, 0.5, 0.6, 0.1])
    draws = GivenDraws({"sia/cuts": cuts, "sia/changes": numbers, "sia/noise": torch.zeros(1, 3, 4, 4)})
    made = StructureInvariant(blocks=2)(torch.ones(1, 3, 4, 4).double(), 0, draws)
    assert made[0, 0].tolist() == [[0.1, 0.1, 0.1, 0.2]] + 3 * [[0.3, 0.3, 0.3, 0.4]]


def test_every_pixel_has_noise_of_its_own() -> None:
    noise = random_images(1, 3, 9, 7)
    numbers = torch.full((9, 5), 0.75, dtype=torch.float64)
    draws = GivenDraws({"sia/cuts": random_images(14), "sia/changes": numbers, "sia/noise": noise})
    made = StructureInvariant(blocks=3)(torch.full((1, 3, 9, 7), 0.5, dtype=torch.float64), 0, draws)
    torch.testing.assert_close(made, 0.5 + (2 * noise - 1) * 16 / 255)


def test_blocks_of_one_pixel_cannot_be_moved_or_blurred() -> None:
    moves = torch.tensor([0, 1, 2, 3, 4, 5, 8])[torch.arange(30**2) % 7]
    numbers = random_images(30**2, 5)
    numbers[:, 0] = (moves + 0.5) / 10
    image = random_images(1, 3, 6, 5)
    draws = GivenDraws(
        {"sia/cuts": random_images(1, 9), "sia/changes": numbers, "sia/noise": random_images(1, 3, 6, 5)}
    )
    torch.testing.assert_close(StructureInvariant(blocks=30)(image, 0, draws), image, rtol=0, atol=1e-14)


@given(blocks=st.integers(1, 12), uniform=st.lists(st.floats(0, 1, width=32), max_size=30, unique=True))
@settings(deadline=None)
def test_random_places_cut_into_blocks_that_are_not_empty(blocks: int, uniform: list[float]) -> None:
    side = len(uniform) + 1
    edges = edges_at_random_places(side, blocks, torch.tensor(uniform))
    assert (edges[0], edges[-1], len(edges)) == (0, side, min(blocks, side) + 1)
    assert all(before < after for before, after in pairwise(edges))
    cut = [uniform[edge - 1] for edge in edges[1:-1]]
    assert sorted(cut) == sorted(uniform)[: len(cut)]


# Transforms in a row


@dataclass
class Recorder:
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


@pytest.mark.parametrize("blocks", [1, 2, 12, 40])
def test_edges_never_go_back(blocks: int) -> None:
    for seed in range(20):
        edges = edges_of_random_lengths(32, random_images(blocks, seed=seed).flatten()[:blocks])
        assert edges == sorted(edges)
        assert (edges[0], edges[-1], len(edges)) == (0, 32, blocks + 1)
