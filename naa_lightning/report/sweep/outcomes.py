"""The images on which a run succeeded."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from naa_lightning.exceptions import UserError
from naa_lightning.records.predictions import FILE_NAME

_COLUMNS = ["target", "repeat", "id", "label", "target_class", "clean_prediction", "adversarial_prediction"]


def read_outcomes(folder: Path, *, targeted: bool) -> pd.DataFrame:
    """Read the outcomes of a run's images from its `predictions.parquet`.

    Args:
        folder: The run's folder.
        targeted: Whether the headline is the target rate, over images with a target class, or else the success rate,
            over images that the target classifies correctly when clean.

    Returns:
        The columns `target`, `repeat`, `id`, `label` and `outcome`: 1 where the run's headline rate counts a success,
        else 0; NaN where the rate leaves the image out.

    Raises:
        UserError: The file is missing or damaged.
    """
    path = folder / FILE_NAME
    try:
        rows = pd.read_parquet(path, columns=_COLUMNS).drop_duplicates(["target", "repeat", "id"], keep="last")
    except FileNotFoundError:
        raise UserError(f"{path} is missing") from None
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        raise UserError(f"{path} is damaged ({error})") from error
    answer = rows.adversarial_prediction
    if targeted:
        success, counts = answer == rows.target_class, rows.target_class.notna()
    else:
        success, counts = (answer != rows.label) & (answer >= 0), rows.clean_prediction == rows.label
    return rows[["target", "repeat", "id", "label"]].assign(outcome=success.astype(float).where(counts))
