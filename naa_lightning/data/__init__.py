"""What is attacked: labelled images in [0, 1], one DataModule per kind of source."""

from naa_lightning.data.class_names import check_classes, read_class_names
from naa_lightning.data.datamodule import ImageDataModule, check_ids
from naa_lightning.data.images import (
    Batch,
    ImageRecord,
    LabelledImages,
    Sample,
    check_labels,
    check_target_classes,
)
from naa_lightning.data.trainable import TrainableData, check_trainable
from naa_lightning.image_file import read_image

__all__ = [
    "Batch",
    "ImageDataModule",
    "ImageRecord",
    "LabelledImages",
    "Sample",
    "TrainableData",
    "check_classes",
    "check_ids",
    "check_labels",
    "check_target_classes",
    "check_trainable",
    "read_class_names",
    "read_image",
]
