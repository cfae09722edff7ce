"""Files of clean and adversarial images for others to use, and adversarial images read back from them."""

from naa_lightning.exports.contents import Description, Export, ImagePair
from naa_lightning.exports.formats import FORMATS, Format, kind_of, open_export, write_export

__all__ = [
    "FORMATS",
    "Description",
    "Export",
    "Format",
    "ImagePair",
    "kind_of",
    "open_export",
    "write_export",
]
