"""The clean accuracy of a model on a folder of labelled images."""

import logging
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Trainer

from naa_lightning.data import check_classes, check_labels
from naa_lightning.data.folder import FolderData
from naa_lightning.metrics.chance import TO_LOOK_AT, is_chance
from naa_lightning.metrics.wilson import Rate
from naa_lightning.models import Classifier, ClassifierSource
from naa_lightning.modules import TargetModule
from naa_lightning.runs.shown_names import model_class_names


def clean_accuracy(model: Classifier, source: ClassifierSource, folder: Path, csv: Path | None) -> dict[str, Any]:
    """Measure and print the clean accuracy of a model, with a warning where it is no better than guessing.

    Images are resized and cropped to the model's input size.

    Args:
        model: The model.
        source: What the model is, by which its classes are told apart.
        folder: The folder of images.
        csv: The file of their labels, relative to the folder; None where each sub-folder is a class.

    Returns:
        The facts that are written beside a model: the name of the data, the number of images, and the accuracy.

    Raises:
        DataError: The images or labels cannot be used, or the classes are not the model's.
    """
    size = None if model.input_size is None else max(model.input_size)
    data = FolderData(root=folder, csv=csv, image_size=size, name=folder.resolve().name)
    data.expect_classes(source.num_classes, model_class_names([source]))
    data.setup("predict")
    data.check_files()
    check_labels(data.images.records, source.num_classes)
    check_classes(source.classes, source.name, data.class_names, data.name)
    module = TargetModule(model, name=source.name, num_classes=source.num_classes)
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's hints are about training
        trainer = Trainer(devices=1, logger=False, enable_checkpointing=False, enable_model_summary=False)
        predictions: Any = trainer.predict(module, data.predict_dataloader())
    right = torch.cat([batch["class"] == batch["label"] for batch in predictions])
    rate = Rate(int(right.sum()), len(right))
    low, high = rate.interval
    sys.stdout.write(
        f"clean accuracy: {100 * rate.value:.1f} % of {rate.total} images of {data.name} "
        f"(95 % interval {100 * low:.1f} to {100 * high:.1f} %)\n"
    )
    if is_chance(rate.value, high, source.num_classes):
        sys.stdout.write(f"warning: this is no better than guessing among {source.num_classes} classes: {TO_LOOK_AT}\n")
    return {"data": data.name, "images": rate.total, "accuracy": rate.value}
