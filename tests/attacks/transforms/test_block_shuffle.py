import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats
from torch import Tensor

from naa_lightning.attacks import (
    BlockShuffle,
    SeededDraws,
)
from naa_lightning.attacks.transforms.block_shuffle import _rotated, _truncated_normal
from naa_lightning.attacks.transforms.blocks import edges_of_random_lengths
from tests.attacks.transforms.given import GivenDraws, random_images


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


@pytest.mark.parametrize("blocks", [1, 2, 12, 40])
def test_edges_never_go_back(blocks: int) -> None:
    for seed in range(20):
        edges = edges_of_random_lengths(32, random_images(blocks, seed=seed).flatten()[:blocks])
        assert edges == sorted(edges)
        assert (edges[0], edges[-1], len(edges)) == (0, 32, blocks + 1)
