"""Images in files."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from naa_lightning.exceptions import DataError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp"})


def is_image(path: Path) -> bool:
    """Tell an image file by its suffix."""
    return path.suffix.lower() in SUFFIXES and path.is_file()


def read_image(path: Path) -> Tensor:
    """Decode an image file.

    Returns:
        RGB pixels, uint8 (3, H, W).

    Raises:
        DataError: The file cannot be decoded or holds more than 8 bits per channel.
    """
    try:
        with Image.open(path) as image:
            if image.mode.startswith(("I", "F")):
                raise DataError(f"{path} has more than 8 bits per channel; convert it to 8-bit RGB")
            pixels = np.array(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be read as an image ({error}); replace or remove it") from error
    return torch.from_numpy(pixels).permute(2, 0, 1)


def central_square(pixels: Tensor, size: int) -> Tensor:
    """Resize the shorter side of pixels (3, H, W), bilinear and antialiased, and crop the centre (3, size, size).

    Example:
        >>> central_square(torch.zeros(3, 20, 30, dtype=torch.uint8), 8).shape
        torch.Size([3, 8, 8])
    """
    from torchvision.transforms.v2 import functional as transforms  # noqa: PLC0415 - takes as long to load as torch

    square: Tensor = transforms.center_crop(transforms.resize(pixels, [size], antialias=True), [size, size])
    return square
