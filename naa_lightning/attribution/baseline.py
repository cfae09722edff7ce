"""Where the integration path starts: an image without what is attributed."""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor

from naa_lightning.rng import Draws

Baseline: TypeAlias = Callable[[Tensor, Draws, int], Tensor]
"""Maps images (B, 3, H, W) in [0, 1], draws and the number of the baseline to baselines of the same shape."""


def black(images: Tensor, draws: Draws, number: int = 0) -> Tensor:
    """All pixels 0: the paper's baseline."""
    return torch.zeros_like(images)


def grey(images: Tensor, draws: Draws, number: int = 0) -> Tensor:
    """All pixels 0.5."""
    return torch.full_like(images, 0.5)


def blurred(images: Tensor, draws: Draws, number: int = 0) -> Tensor:
    """The image without its detail: a Gaussian filter whose standard deviation is a sixteenth of the smaller side."""
    # Takes as long to load as torch, and mistakes in a configuration are told before.
    from torchvision.transforms.functional import gaussian_blur  # noqa: PLC0415

    sigma = min(images.shape[-2:]) / 16
    side = 2 * int(3 * sigma) + 1
    filtered: Tensor = gaussian_blur(images, [side, side], [sigma, sigma])
    return filtered


def random(images: Tensor, draws: Draws, number: int = 0) -> Tensor:
    """Pixels uniform in [0, 1), fresh for every number."""
    return draws.uniform("attribution/baseline", number, images)


def image_baseline(image: Tensor) -> Baseline:
    """Return the baseline that is one image (3, H, W) in [0, 1], brought to the images' size.

    Raises:
        ValueError: The image is none of that shape and range.
    """
    if image.ndim != 3 or image.shape[0] != 3 or not ((image >= 0) & (image <= 1)).all():
        raise ValueError(f"expected a baseline (3, H, W) in [0, 1], got {tuple(image.shape)}")
    return partial(_fitted, image)


def _fitted(image: Tensor, images: Tensor, draws: Draws, number: int = 0) -> Tensor:
    fitted = torch.nn.functional.interpolate(image[None].to(images), size=images.shape[-2:], mode="bilinear")
    return fitted.expand_as(images)


BASELINES: dict[str, Baseline] = {"black": black, "grey": grey, "blurred": blurred, "random": random}
