"""On which images a run succeeded."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from naa_lightning.errors import UserError
from naa_lightning.records.predictions import FILE_NAME

_COLUMNS = ["target", "repeat", "id", "label", "target_class", "clean_prediction", "adversarial_prediction"]


@dataclass(frozen=True)
class Outcomes:
    """What became of a run's images on one target.

    Args:
        ids: Of the images (N,), ascending.
        labels: Their classes (N,).
        hits: Whether the image counts for the run's headline rate, 1 or 0, for each random draw (N, draws); NaN where
            the rate leaves it out.
    """

    ids: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    hits: npt.NDArray[np.float64]


def read_outcomes(folder: Path, *, targeted: bool) -> dict[str, Outcomes]:
    """Read what became of a run's images from its `predictions.parquet`.

    Args:
        folder: Of the run.
        targeted: Whether its headline is the target rate, over images with a target class, or else the success rate,
            over images that the target classified correctly when clean.

    Returns:
        By target.

    Raises:
        UserError: The file is missing or damaged.
    """
    path = folder / FILE_NAME
    try:
        table = pq.read_table(path, columns=_COLUMNS)
        names, *columns = (column.to_numpy() for column in table.columns)
    except FileNotFoundError:
        raise UserError(f"{path} is missing") from None
    except (OSError, KeyError, pa.ArrowException) as error:
        raise UserError(f"{path} is damaged ({error})") from error
    hits = _aimed(*columns) if targeted else _succeeded(*columns)
    repeats, images, labels = columns[:3]
    return {
        str(name): _laid_out(repeats[rows], images[rows], labels[rows], hits[rows])
        for name in dict.fromkeys(names)
        for rows in [names == name]
    }


def _succeeded(
    _repeats: npt.NDArray[np.int64],
    _images: npt.NDArray[np.int64],
    labels: npt.NDArray[np.int64],
    _aims: npt.NDArray[np.float64],
    clean: npt.NDArray[np.int64],
    adversarial: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    wrong = (adversarial != labels) & (adversarial >= 0)
    return np.where(clean == labels, wrong.astype(np.float64), np.nan)


def _aimed(
    _repeats: npt.NDArray[np.int64],
    _images: npt.NDArray[np.int64],
    _labels: npt.NDArray[np.int64],
    aims: npt.NDArray[np.float64],
    _clean: npt.NDArray[np.int64],
    adversarial: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    known = aims.astype(np.float64)
    return np.where(np.isnan(known), np.nan, (adversarial == known).astype(np.float64))


def _laid_out(
    repeats: npt.NDArray[np.int64],
    images: npt.NDArray[np.int64],
    labels: npt.NDArray[np.int64],
    hits: npt.NDArray[np.float64],
) -> Outcomes:
    ids, first, places = np.unique(images, return_index=True, return_inverse=True)
    laid_out = np.full((len(ids), int(repeats.max()) + 1), np.nan)
    laid_out[places, repeats] = hits
    return Outcomes(ids, labels[first], laid_out)
