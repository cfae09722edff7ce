"""What the surrogate sees instead of the images."""

import math
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from torch import Tensor

from naa_lightning.rng import Draws

# Zero for a network whose inputs are normalised to [-1, 1], as those of most releases are.
MID_GREY = 0.5


@runtime_checkable
class Transform(Protocol):
    """Anything that makes other images of images, to average the gradient over.

    One that draws donors says so with an attribute `mixes_images = True`.
    """

    @property
    def copies(self) -> int:
        """How many it makes of an image for one gradient."""
        ...

    def __call__(self, images: Tensor, index: int, draws: Draws) -> Tensor:
        """Return one copy of images (B, 3, H, W), of the same shape.

        Args:
            images: Not necessarily in [0, 1].
            index: Of the copy, counted over the whole attack; index % copies counts within one gradient.
            draws: Where random numbers come from.
        """
        ...


def copies_of(transforms: Sequence[Transform]) -> int:
    """Return how many images transforms in a row make of one."""
    return math.prod(transform.copies for transform in transforms)


def transformed(images: Tensor, transforms: Sequence[Transform], number: int, draws: Draws) -> Tensor:
    """Return one of the images that transforms in a row make of images (B, 3, H, W).

    Numbers count through the copies of the last transform first, so that a copy of an earlier one is the same below
    all copies of the later ones.
    """
    below = copies_of(transforms)
    for transform in transforms:
        below //= transform.copies
        images = transform(images, number // below, draws)
    return images
