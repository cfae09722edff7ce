"""Pairs of images that tests of exports are made of."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from naa_lightning.exports import FORMATS, Description, ImagePair, open_export, write_export

NAMES = ["tench", "goldfish", "great white shark"]
ORIGIN = {"attack": "naa", "eps": 16 / 255, "config": {"surrogate": {"name": "Größe"}, "attack": {}}}
KNOWN = Description(NAMES, ORIGIN)
FILES = ["cats/1.jpg", "cats/1.5 v.2.png", "größe.JPEG", "dogs/1.jpg"]


def pair(number: int, size: tuple[int, int] = (5, 4), file: str | None = None) -> ImagePair:
    """A pair of random images of a height and width."""
    pixels = torch.Generator().manual_seed(number)
    clean, adversarial = torch.randint(0, 256, (2, 3, *size), generator=pixels, dtype=torch.uint8)
    name = FILES[number % len(FILES)] if file is None else file
    return ImagePair(7 + 5 * number, name, number % 3, (number + 1) % 3, clean, adversarial, f"c{number}", f"a{number}")


PAIRS = [pair(number) for number in range(4)]


def exported(folder: Path, to: str, pairs: Sequence[ImagePair] = PAIRS, description: Description = KNOWN) -> Path:
    """Export pairs and return where to."""
    path = folder / f"export{FORMATS[to].ending}"
    write_export(to, path, iter(pairs), description)
    return path


def unpacked(path: Path) -> dict[str, bytes]:
    """All adversarial images of an export, by file."""
    export = open_export(path)
    assert export is not None
    return dict(export.images(export.files))


def levels(content: bytes) -> np.ndarray:
    """The pixels of an image file as Pillow decodes it, (H, W, 3)."""
    return np.array(Image.open(io.BytesIO(content)))


def channels_last(image: torch.Tensor) -> np.ndarray:
    """Pixels (3, H, W) as (H, W, 3)."""
    return image.permute(1, 2, 0).numpy()
