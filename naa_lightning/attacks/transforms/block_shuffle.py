"""The transform of BSR (Wang et al., CVPR 2024, arXiv:2308.10299)."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from naa_lightning.attacks.transforms.blocks import edges_of_random_lengths
from naa_lightning.attacks.transforms.transform import MID_GREY, Transform
from naa_lightning.rng import Draws
from naa_lightning.validation import check_at_least


class BlockShuffle(Transform):
    """Cut the image into blocks, shuffle their rows and columns, and rotate each a little.

    As in the release: lengths of blocks are in proportion to uniform numbers, angles are normal and redrawn beyond two
    standard deviations, and what a rotation uncovers is mid-grey.

    Args:
        copies: The number of shuffled images.
        blocks: The number of blocks per side.
        angle: The standard deviation of the rotation, in radians.

    Raises:
        ValueError: A value is out of range.
    """

    def __init__(self, *, copies: int = 20, blocks: int = 2, angle: float = 0.2) -> None:
        check_at_least("copies", copies, 1)
        check_at_least("blocks", blocks, 1)
        check_at_least("angle", angle, 0)
        self.copies = copies
        self.blocks = blocks
        self.angle = angle

    def __call__(self, images: Tensor, index: int, draws: Draws) -> Tensor:
        """Return images (B, 3, H, W), each shuffled by its own draw."""
        blocks = self.blocks
        numbers = draws.uniform("bsr", index, images.new_empty(len(images), 4 * blocks + blocks**2)).cpu()
        return torch.stack([self._shuffled(image, row) for image, row in zip(images, numbers, strict=True)])

    def _shuffled(self, image: Tensor, numbers: Tensor) -> Tensor:
        *sides, angles = torch.split(numbers, [self.blocks] * 4 + [self.blocks**2])
        top, left = (edges_of_random_lengths(size, u) for size, u in zip(image.shape[1:], sides[:2], strict=True))
        order = [u.argsort().tolist() for u in sides[2:]]
        turns = iter((self.angle * _truncated_normal(angles)).tolist())
        strips = [
            torch.cat(
                [_rotated(image[:, top[i] : top[i + 1], left[j] : left[j + 1]], next(turns)) for j in order[1]], dim=2
            )
            for i in order[0]
        ]
        return torch.cat(strips, dim=1)


def _truncated_normal(uniform: Tensor) -> Tensor:
    """Map numbers uniform in [0, 1) to standard normal ones within [-2, 2]."""
    low = (1 + math.erf(-math.sqrt(2))) / 2
    normal: Tensor = torch.special.ndtri(low + uniform.double() * (1 - 2 * low))
    return normal


def _rotated(block: Tensor, angle: float) -> Tensor:
    """Rotate (3, h, w) about its centre by an angle in radians, bilinearly."""
    height, width = block.shape[1:]
    if not height or not width or not angle:
        return block
    cos, sin = math.cos(angle), math.sin(angle)
    # grid_sample counts both sides from -1 to 1, whatever their lengths
    turn = block.new_tensor([[cos, -sin * height / width, 0], [sin * width / height, cos, 0]])
    grid = F.affine_grid(turn[None], [1, 3, height, width], align_corners=False)
    return MID_GREY + F.grid_sample(block[None] - MID_GREY, grid, align_corners=False)[0]
