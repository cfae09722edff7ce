"""Labels for images that have none: what the surrogate predicts."""

import logging
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from naa_lightning.atomic import write_atomically
from naa_lightning.config.options import in_options
from naa_lightning.data import ImageRecord
from naa_lightning.exceptions import ModelError
from naa_lightning.models.predicted_classes import INVALID
from naa_lightning.modules.target import Predictions, TargetModule
from naa_lightning.records.csv_text import as_cell, csv_text
from naa_lightning.runs.context import RunContext
from naa_lightning.runs.stages.prediction import predict

log = logging.getLogger(__name__)

FILE_NAME = "labels.csv"


def predict_labels(context: RunContext) -> RunContext:
    """Label the clean images by what the surrogate predicts, an ensemble by its mean logits.

    The labels are left in `labels.csv` of the run's folder, which later runs can take as their label file.

    Args:
        context: The run, on every rank of which this is called.

    Returns:
        The run, which knows where its labels are from.

    Raises:
        UserError: The surrogate cannot be loaded, or its logits for an image are no numbers.
    """
    surrogate, data = context.experiment.surrogate, context.data
    assert surrogate is not None, "it is checked when the data are listed"
    with context.stopwatch.phase("labelling"), in_options("surrogate", ModelError):
        module = TargetModule(
            context.ranks.everywhere(surrogate.build),
            name=surrogate.name,
            num_classes=context.experiment.white_box[0].num_classes,
        )
        module.title = f"labels by {surrogate.name}"
        batches: list[Predictions] = predict(
            context, module, data.images, batch_size=data.batch_size, num_workers=data.num_workers
        )
    labels = {
        id: label for batch in batches for id, label in zip(batch["id"].tolist(), batch["class"].tolist(), strict=True)
    }
    unknown = [record.file for record in data.images.records if labels[record.id] == INVALID]
    if unknown:
        raise ModelError(
            f"{surrogate.name} gives logits that are no numbers for {len(unknown)} images, such as {unknown[0]}, so "
            "that they have no label; remove them, or label the images with data.csv=FILE"
        )
    data.give_labels(labels)
    if context.ranks.first:
        write_atomically(context.folder / FILE_NAME, _table(data.images.records))
        log.info("labels are what %s predicts of the clean images; %s", surrogate.name, context.folder / FILE_NAME)
    return replace(context, labels_from=surrogate.name)


def _table(records: Sequence[ImageRecord]) -> str:
    # no spreadsheet takes a path for a formula
    files = [record.file if as_cell(record.file) == record.file else f"./{record.file}" for record in records]
    return csv_text(pd.DataFrame({"filename": files, "label": [record.label for record in records]}))
