"""The images on which a run succeeded."""

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
    """The outcomes of a run's images on one target.

    Args:
        ids: Ids of the images (N,), ascending.
        labels: Classes of the images (N,).
        successes: 1 where the run's headline rate counts a success, else 0, for each random draw (N, draws); NaN where
            the rate leaves the image out.
    """

    ids: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    successes: npt.NDArray[np.float64]


def read_outcomes(folder: Path, *, targeted: bool) -> dict[str, Outcomes]:
    """Read the outcomes of a run's images from its `predictions.parquet`.

    Args:
        folder: The run's folder.
        targeted: Whether the headline is the target rate, over images with a target class, or else the success rate,
            over images that the target classifies correctly when clean.

    Returns:
        The outcomes by target.

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
    successes = _target_hits(columns) if targeted else _errors(columns)
    targets = columns["target"]
    return {
        str(name): _outcomes({key: column[rows] for key, column in columns.items()}, successes[rows])
        for name in dict.fromkeys(targets)
        for rows in [targets == name]
    }


def _errors(columns: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.float64]:
    label, adversarial = columns["label"], columns["adversarial_prediction"]
    wrong = (adversarial != label) & (adversarial >= 0)
    return np.where(columns["clean_prediction"] == label, wrong.astype(np.float64), np.nan)


def _target_hits(columns: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.float64]:
    target_class = columns["target_class"].astype(np.float64)
    hit = (columns["adversarial_prediction"] == target_class).astype(np.float64)
    return np.where(np.isnan(target_class), np.nan, hit)


def _outcomes(columns: Mapping[str, npt.NDArray[Any]], successes: npt.NDArray[np.float64]) -> Outcomes:
    ids, first, places = np.unique(columns["id"], return_index=True, return_inverse=True)
    repeats = columns["repeat"]
    by_image = np.full((len(ids), int(repeats.max()) + 1), np.nan)
    by_image[places, repeats] = successes
    return Outcomes(ids, columns["label"][first], by_image)
