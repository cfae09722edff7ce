"""The images on which a run succeeded."""

from collections.abc import Hashable, Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pandas.util import hash_pandas_object

from naa_lightning.exceptions import UserError
from naa_lightning.records.predictions import FILE_NAME
from naa_lightning.report.loading import lines_of

_COLUMNS = ["target", "repeat", "id", "label", "target_class", "clean_prediction", "adversarial_prediction"]
COLUMNS = ["seed", "images", "target", "repeat", "id", "label", "outcome"]


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


def outcomes_of(heads: pd.DataFrame, outcomes: Mapping[Path, pd.DataFrame]) -> dict[Hashable, pd.DataFrame]:
    """Return the outcomes of the runs of each row, with their `seed` and `images`, a key of the clean images.

    The key is the digest of the images or, where a run of an older version has none, it stands for ids and labels.

    Args:
        heads: The runs that count, with their rows.
        outcomes: The outcomes of each run's images, by its folder, where they are known.
    """
    found: dict[Hashable, list[pd.DataFrame]] = {row: [] for row in heads.row}
    for run in lines_of(heads):
        if run.folder in outcomes:
            of_run = outcomes[run.folder]
            images = hash_pandas_object(of_run[["id", "label"]].drop_duplicates(), index=False).sum()
            key = run.clean_images if heads.clean_images.notna().all() else str(images)
            found[run.row].append(of_run.assign(seed=-1 if pd.isna(run.seed) else run.seed, images=key))
    return {row: pd.concat(parts) if parts else pd.DataFrame(columns=COLUMNS) for row, parts in found.items()}
