from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import fft
from torch.nn import functional as F

from naa_lightning.attacks import (
    StructureInvariant,
)
from naa_lightning.attacks.transforms.blocks import edges_at_random_places
from naa_lightning.attacks.transforms.structure_invariant import CHANGES
from tests.attacks.transforms.given import Array, GivenDraws, random_images


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
