"""Pictures of a run's images, as its report shows them."""

from dataclasses import dataclass

from naa_lightning.records.table import Table


@dataclass(frozen=True)
class PictureRow:
    """A row of `pictures.parquet`: one picture of one image, without any text in it.

    Args:
        id: The image's row in the data set's own order.
        kind: What it shows: "clean" and "adversarial", the images themselves; "difference", mid-grey and the amplified
            perturbation; "attention", where a model looks; "attribution", what speaks for and against a class. The
            latter two lie over the clean or the adversarial image and are called after it: "attention/clean".
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


TABLE = Table("pictures.parquet", PictureRow)
write_pictures = TABLE.write
read_pictures = TABLE.read
