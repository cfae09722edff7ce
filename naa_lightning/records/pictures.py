"""Pictures of a run's images, as its report shows them."""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from naa_lightning.records.table import Table


@dataclass(frozen=True)
class PictureRow:
    """A row of `pictures.parquet`: one picture of one image, without any text in it.

    Args:
        id: The image's row in the data set's own order.
        kind: What it shows: "clean" and "adversarial", the images themselves; "difference", mid-grey and the amplified
            perturbation; "attention/clean" and "attention/adversarial", where a model looks for the class that it
            predicts; "attribution/clean" and "attribution/adversarial", what speaks in them for the true class and
            against it; "attribution/predicted", what speaks in the adversarial image for the class that it is taken
            for.
        model: The model that looks, or that is attributed; empty for the images themselves.
        note: What the picture alone cannot say, such as "x 8"; empty for nothing.
        width: Width in pixels.
        height: Height in pixels.
        image: The picture as a WebP file, smaller than the image where there is not enough room in a page.
    """

    id: int
    kind: str
    model: str
    note: str
    width: int
    height: int
    image: bytes


@dataclass(frozen=True)
class Format:
    """How a picture is kept.

    Args:
        longest: The largest width or height in pixels; larger pictures are made smaller.
        quality: The quality of WebP, up to 100; None keeps every pixel as it is.
    """

    longest: int
    quality: int | None


def picture(
    image: int, kind: str, pixels: NDArray[np.uint8], kept: Format, *, model: str = "", note: str = ""
) -> PictureRow:
    """Make a row of RGB pixels (H, W, 3).

    Args:
        image: The id of the image.
        kind: What the picture shows, see `PictureRow`.
        pixels: The pixels.
        kept: How they are kept.
        model: The model that looks, or that is attributed.
        note: What the picture alone cannot say.

    Example:
        >>> row = picture(3, "clean", np.zeros((20, 40, 3), np.uint8), Format(longest=10, quality=75))
        >>> row.width, row.height, row.image[8:12]
        (10, 5, b'WEBP')
    """
    made = Image.fromarray(pixels)
    made.thumbnail((kept.longest, kept.longest), Image.Resampling.BILINEAR)
    content = BytesIO()
    sharp = kept.quality is None
    # method 2: 3 % larger than by the default, in 6/10 of the time
    made.save(content, "WEBP", lossless=sharp, quality=80 if sharp else kept.quality, method=2)
    return PictureRow(image, kind, model, note, made.width, made.height, content.getvalue())


TABLE = Table("pictures.parquet", PictureRow)
write_pictures = TABLE.write
read_pictures = TABLE.read
