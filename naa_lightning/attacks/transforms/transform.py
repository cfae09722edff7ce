"""What every transform of the surrogate's inputs has in common."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor

from naa_lightning.attacks.part import Part
from naa_lightning.rng import Draws

# Zero for a network whose inputs are normalised to [-1, 1], as those of most releases are.
MID_GREY = 0.5


class Transform(Part, ABC):
    """A way to make other images of images, to average the gradient over.

    Attributes:
        copies: The number of images made of one image for one gradient.
        mixes_images: Whether other images of the data set are drawn.
    """

    copies: int = 1
    mixes_images: bool = False

    @abstractmethod
    def __call__(self, images: Tensor, index: int, draws: Draws) -> Tensor:
        """Return one copy of each image.

        Args:
            images: Images of shape (B, 3, H, W), not necessarily in [0, 1].
            index: The number of the copy, counted over the whole attack; index % copies counts within one gradient.
            draws: The source of random numbers.

        Returns:
            Images of shape (B, 3, H, W).
        """


def copies_of(transforms: Sequence[Transform]) -> int:
    """Return how many images transforms in a row make of one image."""
    return math.prod(transform.copies for transform in transforms)


def transformed(images: Tensor, transforms: Sequence[Transform], number: int, draws: Draws) -> Tensor:
    """Return one of the images that transforms in a row make of each image.

    Numbers count through the copies of the last transform first, so that a copy of an earlier one is the same below
    all copies of the later ones.

    Args:
        images: Images of shape (B, 3, H, W).
        transforms: The transforms, in the order in which they are applied.
        number: The number of the copy, counted over the whole attack.
        draws: The source of random numbers.
    """
    below = copies_of(transforms)
    for transform in transforms:
        below //= transform.copies
        images = transform(images, number // below, draws)
    return images
