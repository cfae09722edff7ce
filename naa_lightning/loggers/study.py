"""The table of a study in its loggers."""

import math
from collections.abc import Sequence

import pandas as pd
from pytorch_lightning.loggers import Logger, WandbLogger


def log_study(loggers: Sequence[Logger], name: str, table: pd.DataFrame, *, seed: int) -> None:
    """Log a study's table, one step per row; W&B also gets the table as such.

    Args:
        loggers: The loggers of the run.
        name: The prefix of the metrics' names.
        table: The table.
        seed: The seed of the study, which W&B's table names.
    """
    records = table.to_dict("records")
    for logger in loggers:
        for step, record in enumerate(records):
            numbers = {key: value for key, value in record.items() if isinstance(value, int | float)}
            known = {f"{name}/{key}": value for key, value in numbers.items() if not math.isnan(value)}
            logger.log_metrics(known, step=step)
        if isinstance(logger, WandbLogger):
            import wandb  # noqa: PLC0415 - see `wandb_logger`

            logger.experiment.log({f"{name}/table": wandb.Table(dataframe=table.assign(seed=seed))})
        logger.save()
