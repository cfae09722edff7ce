"""The table of a study, as a file and in its loggers."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger, WandbLogger

from naa_lightning.atomic import write_atomically

Record = Mapping[str, Any]


def write_study(folder: Path, name: str, records: Sequence[Record]) -> None:
    """Write a study's table to a CSV file.

    Args:
        folder: The run's folder.
        name: The file's name without its suffix.
        records: The rows of the table, which have the same keys.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    write_atomically(folder / f"{name}.csv", text.getvalue())


def log_study(loggers: Sequence[Logger], name: str, records: Sequence[Record]) -> None:
    """Log a study's table, one step per row; W&B also gets the table as such.

    Args:
        loggers: The loggers of the run.
        name: The prefix of the metrics' names.
        records: The rows of the table.
    """
    for logger in loggers:
        for step, record in enumerate(records):
            numbers = {key: value for key, value in record.items() if isinstance(value, int | float)}
            logger.log_metrics({f"{name}/{key}": value for key, value in numbers.items()}, step=step)
        if isinstance(logger, WandbLogger):
            import wandb  # noqa: PLC0415 - see `wandb_logger`

            table = wandb.Table(columns=list(records[0]), data=[list(record.values()) for record in records])
            logger.experiment.log({f"{name}/table": table})
        logger.save()
