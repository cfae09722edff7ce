"""Figures of a run in its loggers, as each kind of logger takes them."""

from collections.abc import Mapping, Sequence
from functools import singledispatch
from pathlib import Path

import numpy as np
from PIL import Image
from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger


@singledispatch
def log_figures(logger: Logger, figures: Mapping[str, Sequence[Path]]) -> None:
    """Log figures, where the logger takes any.

    Args:
        logger: A logger of the run; only those of W&B and TensorBoard take figures.
        figures: The files of the figures by the key that they are logged under.
    """


@log_figures.register
def _(logger: WandbLogger, figures: Mapping[str, Sequence[Path]]) -> None:
    import wandb  # noqa: PLC0415 - see `wandb_logger`

    if figures:
        logger.experiment.log(
            {key: [wandb.Image(str(path), caption=path.stem) for path in paths] for key, paths in figures.items()}
        )


@log_figures.register
def _(logger: TensorBoardLogger, figures: Mapping[str, Sequence[Path]]) -> None:
    for key, paths in figures.items():
        for path in paths:
            with Image.open(path) as image:
                pixels = np.asarray(image.convert("RGB"))
            logger.experiment.add_image(f"{key}/{path.stem}", pixels, dataformats="HWC")
