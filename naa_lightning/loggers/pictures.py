"""Pictures of a run's featured images in its loggers, as each kind of logger takes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch
from io import BytesIO
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger

from naa_lightning.records import PictureRow, Prediction, RunResults, read_pictures, read_predictions
from naa_lightning.report.featured import featured
from naa_lightning.report.wording import class_called


@dataclass(frozen=True)
class Strip:
    """Pictures of one image side by side.

    Args:
        key: What they show: "images", "attention" or "attribution".
        name: The name of the image, and of the model if there is one.
        pixels: The pixels, uint8 (H, W, 3).
        caption: What they show, in words.
    """

    key: str
    name: str
    pixels: NDArray[np.uint8]
    caption: str


def strips(folder: Path, results: RunResults) -> list[Strip]:
    """Read the pictures of a run's featured images.

    Args:
        folder: The run's folder.
        results: Its results.

    Raises:
        UserError: A file is damaged.
    """
    pictures = read_pictures(folder)
    if not pictures:
        return []
    undefended = [name for name, target in results.targets.items() if not target.defences]
    predictions = read_predictions(folder, targets={*undefended, *results.judges})
    shown = featured(results, predictions, list(dict.fromkeys(row.id for row in pictures))).all
    answers: dict[int, list[Prediction]] = {}
    for answer in predictions:
        answers.setdefault(answer.id, []).append(answer)
    return [
        _strip(key, list(rows), answers.get(key[1], []), results)
        for key, rows in groupby(pictures, _key)
        if key[1] in shown
    ]


def _key(row: PictureRow) -> tuple[str, int, str]:
    view = row.kind.partition("/")[0] if "/" in row.kind else "images"
    return view, row.id, row.model


def _strip(
    key: tuple[str, int, str], rows: Sequence[PictureRow], answers: Sequence[Prediction], results: RunResults
) -> Strip:
    view, image, model = key
    names = results.class_names
    parts = [f"{row.kind.rpartition('/')[2]} {row.note}".strip() for row in rows]
    if view == "images":
        parts += [
            f"{row.target}: {class_called(names, row.clean_prediction)}, "
            f"then {class_called(names, row.adversarial_prediction)}"
            for row in answers
        ]
    shows = f", {class_called(names, answers[0].label)}" if answers else ""
    caption = f"image {image}{shows}{model and f', {model}'}: {'; '.join(parts)}"
    pixels = np.hstack([np.asarray(Image.open(BytesIO(row.image)).convert("RGB")) for row in rows])
    return Strip(view, f"{image:05d}{model and f'-{model}'}", pixels, caption)


@singledispatch
def log_pictures(logger: Logger, pictures: Sequence[Strip]) -> None:
    """Log pictures, where the logger takes any.

    Args:
        logger: A logger of the run; only those of W&B and TensorBoard take pictures.
        pictures: The pictures.
    """


@log_pictures.register
def _(logger: WandbLogger, pictures: Sequence[Strip]) -> None:
    import wandb  # noqa: PLC0415 - see `wandb_logger`

    found: dict[str, list[wandb.Image]] = {}
    for strip in pictures:
        found.setdefault(strip.key, []).append(wandb.Image(strip.pixels, caption=strip.caption))
    if found:
        logger.experiment.log(found)


@log_pictures.register
def _(logger: TensorBoardLogger, pictures: Sequence[Strip]) -> None:
    for strip in pictures:
        logger.experiment.add_image(f"{strip.key}/{strip.name}", strip.pixels, dataformats="HWC")
        logger.experiment.add_text(f"{strip.key}/{strip.name}", strip.caption)
