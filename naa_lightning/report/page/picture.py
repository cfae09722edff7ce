"""Pictures inside a page."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

WIDEST = 1600
"""The largest width in pixels; wider pictures are made smaller."""

_WIDE = 1.6
_SMALL = 64
_QUALITY = 85


@dataclass(frozen=True)
class Picture:
    """A picture as a page holds it.

    Args:
        source: The picture as a data URI.
        width: Width in pixels.
        height: Height in pixels.
        alt: The description of the picture.
    """

    source: str
    width: int
    height: int
    alt: str

    @property
    def upright(self) -> bool:
        """Whether there is room for text beside it."""
        return self.width < _WIDE * self.height

    @property
    def small(self) -> bool:
        """Whether it is to be shown enlarged, pixel by pixel."""
        return self.width <= _SMALL


def embed(path: Path, alt: str) -> Picture | None:
    """Read a picture and compress it anew.

    Args:
        path: The path of the picture.
        alt: The description of the picture.

    Returns:
        The picture; None where the file is missing or is no picture.
    """
    try:
        with Image.open(path) as opened:
            opened.load()
            image = _on_white(opened)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    if image.width > WIDEST:
        size = (WIDEST, max(1, round(image.height * WIDEST / image.width)))
        image = image.resize(size, Image.Resampling.LANCZOS)
    content = io.BytesIO()
    small = image.width <= _SMALL
    image.save(content, "WEBP", quality=_QUALITY, lossless=small)
    data = base64.b64encode(content.getvalue()).decode()
    return Picture(f"data:image/webp;base64,{data}", image.width, image.height, alt)


def _on_white(image: Image.Image) -> Image.Image:
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
