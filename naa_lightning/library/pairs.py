"""Clean images beside their adversarial ones."""

from typing import NamedTuple

from torch import Tensor

from naa_lightning.models.inputs import Images, as_images


class Pairs(NamedTuple):
    """Clean images, their adversarial ones and their classes, on one device.

    Args:
        clean: Images of shape (B, 3, H, W) in [0, 1].
        adversarial: Images of the same shape and range.
        classes: Classes of shape (B,).
    """

    clean: Tensor
    adversarial: Tensor
    classes: Tensor


def as_pairs(images: Images, adversarial: Images) -> tuple[Tensor, Tensor]:
    """Check clean images and the adversarial ones that were made of them, and join either to (B, 3, H, W).

    Raises:
        ValueError: They are no images in [0, 1], or differ in shape.
    """
    clean, after = as_images(images), as_images(adversarial)
    if after.shape != clean.shape:
        raise ValueError(
            f"expected adversarial images of the clean ones' shape {tuple(clean.shape)}, got {tuple(after.shape)}"
        )
    return clean, after
