"""The transform of SIA (Wang et al., ICCV 2023, arXiv:2309.14700)."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F

from naa_lightning.attacks.transforms.blocks import edges_at_random_places
from naa_lightning.attacks.transforms.transform import Transform
from naa_lightning.models.dct import dct_basis
from naa_lightning.rng import Draws
from naa_lightning.validation import check_at_least


class StructureInvariant(Transform):
    """Change every block of the image in a way of its own: move, mirror, rotate, scale, blur, disturb or drop it.

    The ten changes and their strengths are the release's, except that a block is shrunk to 0.8 of each side, where the
    release mixes the sides up.

    Args:
        copies: The number of changed images.
        blocks: The number of blocks per side.

    Raises:
        ValueError: A value is out of range.
    """

    def __init__(self, *, copies: int = 20, blocks: int = 3) -> None:
        check_at_least("copies", copies, 1)
        check_at_least("blocks", blocks, 1)
        self.copies = copies
        self.blocks = blocks

    def __call__(self, images: Tensor, index: int, draws: Draws) -> Tensor:
        """Return images (B, 3, H, W), each changed by its own draws."""
        height, width = images.shape[2:]
        cuts = draws.uniform("sia/cuts", index, images.new_empty(len(images), height + width - 2)).cpu()
        choices = draws.uniform("sia/changes", index, images.new_empty(len(images), 5 * self.blocks**2)).cpu()
        noise = draws.uniform("sia/noise", index, images)
        return torch.stack([self._changed(*one) for one in zip(images, cuts, choices, noise, strict=True)])

    def _changed(self, image: Tensor, cuts: Tensor, choices: Tensor, noise: Tensor) -> Tensor:
        height, width = image.shape[1:]
        top = edges_at_random_places(height, self.blocks, cuts[: height - 1])
        left = edges_at_random_places(width, self.blocks, cuts[height - 1 :])
        numbers = iter(choices.view(-1, 5).tolist())
        strips = []
        for upper, lower in pairwise(top):
            row = []
            for start, end in pairwise(left):
                choice, *rest = next(numbers)
                change = CHANGES[int(choice * len(CHANGES))]
                window = (slice(None), slice(upper, lower), slice(start, end))
                row.append(change(image[window], rest, noise[window]))
            strips.append(torch.cat(row, dim=2))
        return torch.cat(strips, dim=1)


# A change maps a block (3, h, w), four numbers uniform in [0, 1) and such numbers shaped like the block.
Change = Callable[[Tensor, list[float], Tensor], Tensor]


def _shrunk_and_back(block: Tensor, numbers: list[float], noise: Tensor) -> Tensor:
    size = block.shape[1:]
    small = F.interpolate(block[None], size=[int(0.8 * side) + 1 for side in size], mode="bilinear")
    return F.interpolate(small, size=tuple(size), mode="bilinear")[0]


def _rolled_down(block: Tensor, numbers: list[float], noise: Tensor) -> Tensor:
    return block.roll(int(numbers[0] * block.shape[1]), dims=1)


def _rolled_right(block: Tensor, numbers: list[float], noise: Tensor) -> Tensor:
    return block.roll(int(numbers[0] * block.shape[2]), dims=2)


def _flipped_down(block: Tensor, numbers: list[float], noise: Tensor) -> Tensor:
    return block.flip(1)


def _flipped_right(block: Tensor, numbers: list[float], noise: Tensor) -> Tensor:
    return block.flip(2)


def _turned(block: Tensor, numbers: list[float], noise: Tensor) -> Tensor:
    return block.flip(1, 2)


def _darkened(block: Tensor, numbers: list[float], noise: Tensor) -> Tensor:
    return numbers[0] * block


def _disturbed(block: Tensor, numbers: list[float], noise: Tensor) -> Tensor:
    return (block + (2 * noise - 1) * 16 / 255).clamp(0, 1)


def _without_high_frequencies(block: Tensor, numbers: list[float], noise: Tensor) -> Tensor:
    """Keep what is below 60 % of the highest frequency."""
    low = []
    for side in block.shape[1:]:
        basis = dct_basis(side, block)[: side - int(0.4 * side)]
        low.append(basis.T @ basis)
    return low[0] @ block @ low[1]


def _with_dropped_channels(block: Tensor, numbers: list[float], noise: Tensor) -> Tensor:
    """Drop every channel with probability 0.1 and scale up the others."""
    kept = block.new_tensor(numbers[1:]) >= 0.1
    return block * kept[:, None, None] / 0.9


CHANGES: tuple[Change, ...] = (
    _shrunk_and_back,
    _rolled_down,
    _rolled_right,
    _flipped_down,
    _flipped_right,
    _turned,
    _darkened,
    _disturbed,
    _without_high_frequencies,
    _with_dropped_channels,
)
