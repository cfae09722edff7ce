"""Images in files."""

import io
import os
import re
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError
from PIL.ImageFile import ImageFile
from torch import Tensor

from naa_lightning.exceptions import DataError

# Of those that Pillow names, it only recognises some, leaves EPS to another program, and opens anything within IPTC.
NOT_DECODED = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "IPTC", "MPEG", "WMF"})
# How files of a format end that is slow to decode.
_ENDS = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9", "MPO": b"\xff\xd9"}
# What Pillow raises on damaged files.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    RuntimeError,
    EOFError,
    IndexError,
    struct.error,
)
_EXIF_DAMAGE = (*_DAMAGE, TypeError, LookupError, ArithmeticError, AttributeError)


@dataclass(frozen=True)
class InnerFile:
    """An image file that lies within another file, such as a table or an archive.

    Args:
        name: The name for messages.
        read: A function that returns the content.
    """

    name: str
    read: Callable[[], bytes]

    def __str__(self) -> str:
        return self.name


def is_image(path: Path) -> bool:
    """Tell an image file by its suffix; a link that leads nowhere counts, so that it is missed and not passed over."""
    return path.suffix.lower() in image_suffixes() and (path.is_file() or not path.exists())


@cache
def image_suffixes() -> frozenset[str]:
    """Return the suffixes of image files, in lower case: those of all formats that Pillow decodes by itself.

    Example:
        >>> sorted({".png", ".tif", ".jfif", ".eps", ".txt"} & image_suffixes())
        ['.jfif', '.png', '.tif']
    """
    return frozenset(suffix for suffix, kind in Image.registered_extensions().items() if kind in _formats())


def read_image(file: Path | InnerFile) -> Tensor:
    """Decode an image file as viewers show it: turned as its EXIF data says, and on white where it is transparent.

    Args:
        file: The file.

    Returns:
        RGB pixels, uint8 (3, H, W).

    Raises:
        DataError: The file cannot be decoded or holds more than 8 bits per channel.
    """
    with _opened(file) as (image, _):
        image.load()
        with suppress(*_EXIF_DAMAGE):  # images can be seen without
            ImageOps.exif_transpose(image, in_place=True)
        visible = _on_white(image) if _is_transparent(image) else image
        pixels = np.array(visible.convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1)


def encode_png(image: Tensor) -> bytes:
    """Encode an image losslessly.

    Args:
        image: Image of shape (3, H, W) as uint8.

    Example:
        >>> encode_png(torch.zeros(3, 2, 2, dtype=torch.uint8))[1:4]
        b'PNG'
    """
    buffer = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def inspect_image(file: Path | InnerFile, max_pixels: int) -> bool:
    """Open an image file without decoding it, unless only that tells whether it is whole, or transparent.

    Args:
        file: The file.
        max_pixels: The number of pixels that an image may have.

    Returns:
        Whether the image is transparent in parts.

    Raises:
        DataError: The file is cut short or is no image, or the image has more pixels or more than 8 bits per channel.
    """
    with _opened(file) as (image, content):
        width, height = image.size
        if width * height > max_pixels:
            raise DataError(
                f"{file} is {width}x{height}, more than {max_pixels:,} pixels; make it smaller, or give `max_pixels=N`"
            )
        if image.has_transparency_data or not _ends_as_usual(content, image.format):
            image.load()
        return _is_transparent(image)


def central_square(pixels: Tensor, size: int) -> Tensor:
    """Resize the shorter side of pixels (3, H, W), bilinear and antialiased, and crop the centre (3, size, size).

    Example:
        >>> central_square(torch.zeros(3, 20, 30, dtype=torch.uint8), 8).shape
        torch.Size([3, 8, 8])
    """
    from torchvision.transforms.v2 import functional as transforms  # noqa: PLC0415 - takes as long to load as torch

    square: Tensor = transforms.center_crop(transforms.resize(pixels, [size], antialias=True), [size, size])
    return square


@cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(kind for kind in Image.OPEN if kind not in NOT_DECODED)


@contextmanager
def _opened(file: Path | InnerFile) -> Iterator[tuple[ImageFile, BinaryIO]]:
    """Open an image, and give the content of its file with it."""
    try:
        with _content(file) as content, Image.open(content, formats=_formats()) as image:
            if _is_deep(image):
                raise DataError(f"{file} has more than 8 bits per channel; convert it to 8-bit RGB")
            yield image, content
    except Image.DecompressionBombError as error:
        raise DataError(f"{file} has more pixels than Pillow opens ({error}); make it smaller") from error
    except _DAMAGE as error:
        raise DataError(f"{file} cannot be read as an image ({_reason(file, error)}); replace or remove it") from error


def _content(file: Path | InnerFile) -> BinaryIO:
    return BytesIO(file.read()) if isinstance(file, InnerFile) else file.open("rb")


def _reason(file: Path | InnerFile, error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        with _content(file) as content:
            return "its content is of no known format" if content.read(1) else "it is empty"
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__


def _is_deep(image: ImageFile) -> bool:
    """Tell more than 8 bits per channel, also where Pillow would drop some of them without a word."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return any(bits > 8 for bits in image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, ()))
    stored = [args if isinstance(args, tuple) else (args,) for _, _, _, args in image.tile]
    return (
        image.mode.startswith(("I", "F"))
        or any(re.search(r";16[BLNS]", str(args[0])) for args in stored if args)  # such as "RGB;16B"
        or (image.format == "PPM" and any(args[-1] > 255 for args in stored if len(args) > 1))  # ("RGB", 65535)
    )


def _ends_as_usual(content: BinaryIO, kind: str | None) -> bool:
    end = _ENDS.get(kind or "")
    if end is None:
        return False
    content.seek(-len(end), os.SEEK_END)
    return content.read() == end


def _is_transparent(image: Image.Image) -> bool:
    """Tell whether a pixel is not opaque, of a decoded image."""
    return image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (255, 255)


def _on_white(image: Image.Image) -> Image.Image:
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
