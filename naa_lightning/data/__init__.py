"""What is attacked: labelled images in [0, 1], one DataModule per kind of source."""

from naa_lightning.data.datamodule import ImageDataModule
from naa_lightning.data.digits import DigitsData
from naa_lightning.data.folder import FolderData
from naa_lightning.data.images import Batch, ImageRecord, LabelledImages, Sample, check_labels, read_image
from naa_lightning.data.nips2017 import Nips2017Data

__all__ = [
    "Batch",
    "DigitsData",
    "FolderData",
    "ImageDataModule",
    "ImageRecord",
    "LabelledImages",
    "Nips2017Data",
    "Sample",
    "check_labels",
    "read_image",
]
