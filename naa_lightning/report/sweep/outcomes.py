"""On which images a run succeeded."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from naa_lightning.exceptions import UserError
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
        columns = {name: table[name].to_numpy() for name in _COLUMNS}
    except FileNotFoundError:
        raise UserError(f"{path} is missing") from None
    except (OSError, KeyError, pa.ArrowException) as error:
        raise UserError(f"{path} is damaged ({error})") from error
    hits = _aimed(columns) if targeted else _succeeded(columns)
    targets = columns["target"]
    return {
        str(name): _laid_out({key: column[rows] for key, column in columns.items()}, hits[rows])
        for name in dict.fromkeys(targets)
        for rows in [targets == name]
    }


def _succeeded(columns: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.float64]:
    label, adversarial = columns["label"], columns["adversarial_prediction"]
    wrong = (adversarial != label) & (adversarial >= 0)
    return np.where(columns["clean_prediction"] == label, wrong.astype(np.float64), np.nan)


def _aimed(columns: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.float64]:
    known = columns["target_class"].astype(np.float64)
    return np.where(np.isnan(known), np.nan, (columns["adversarial_prediction"] == known).astype(np.float64))


def _laid_out(columns: Mapping[str, npt.NDArray[Any]], hits: npt.NDArray[np.float64]) -> Outcomes:
    ids, first, places = np.unique(columns["id"], return_index=True, return_inverse=True)
    repeats = columns["repeat"]
    laid_out = np.full((len(ids), int(repeats.max()) + 1), np.nan)
    laid_out[places, repeats] = hits
    return Outcomes(ids, columns["label"][first], laid_out)
