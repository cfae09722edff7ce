"""Clean images beside their adversarial ones."""

from typing import NamedTuple

from torch import Tensor

from naa_lightning.models import Classifier, Ensemble
from naa_lightning.models.inputs import Classes, Images, as_batch


class Pairs(NamedTuple):
    """Clean images, their adversarial ones and their classes, on a model's device.

    Args:
        clean: Images of shape (B, 3, H, W) in [0, 1].
        adversarial: Images of the same shape and range.
        classes: Classes of shape (B,).
    """

    clean: Tensor
    adversarial: Tensor
    classes: Tensor


def as_pairs(model: Classifier | Ensemble, images: Images, adversarial: Images, classes: Classes) -> Pairs:
    """Check clean and adversarial images and their classes, and bring them to a model's device.

    Args:
        model: The model that is to run on them.
        images: Clean images.
        adversarial: The adversarial images that were made of them.
        classes: A class of each pair, by index.

    Raises:
        ValueError: They are not as described, or differ in shape.
    """
    clean, known = as_batch(model, images, classes)
    after, _ = as_batch(model, adversarial, [0] * len(adversarial))
    if after.shape != clean.shape:
        raise ValueError(
            f"expected adversarial images of the clean ones' shape {tuple(clean.shape)}, got {tuple(after.shape)}"
        )
    return Pairs(clean, after, known)
