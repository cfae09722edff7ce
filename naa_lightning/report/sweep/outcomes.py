"""The images on which runs succeeded."""

from pathlib import Path

import pandas as pd
from pandas.util import hash_pandas_object

from naa_lightning.exceptions import UserError, in_one_line
from naa_lightning.records.predictions import FILE_NAME, read_predictions
from naa_lightning.records.targets import headline_rate
from naa_lightning.report.loading import lines_of

_ASKED = ["target", "repeat", "id", "label"]
PAIRED = ["seed", "images", *_ASKED]
"""What two outcomes that are compared have in common."""


def outcomes_of(heads: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return what `read_outcomes` finds in each run, with the run's `row`, `seed` and `images`.

    `images` is the digest of the clean images or, where a run of an older version has none, stands for ids and labels.

    Returns:
        The outcomes, and a notice for each run without any.
    """
    found, unread = [pd.DataFrame(columns=["row", *PAIRED, "outcome"])], []
    for run in lines_of(heads):
        try:
            of_run = read_outcomes(run.folder, targeted=run.targeted)
        except UserError as error:
            unread.append(f"{run.folder.name} is in no test: {in_one_line(error)}")
            continue
        images = hash_pandas_object(of_run[["id", "label"]].drop_duplicates(), index=False).sum()
        key = run.clean_images if heads.clean_images.notna().all() else str(images)
        found.append(of_run.assign(row=run.row, seed=-1 if pd.isna(run.seed) else run.seed, images=key))
    return pd.concat(found[1:] or found), unread


def read_outcomes(folder: Path, *, targeted: bool) -> pd.DataFrame:
    """Read the outcomes of a run's images from its `predictions.parquet`.

    Args:
        folder: The run's folder.
        targeted: Whether the headline is the target rate, or else the success rate.

    Returns:
        The columns `target`, `repeat`, `id`, `label` and `outcome`: 1 where the run's headline rate counts a success,
        else 0; NaN where the rate leaves the image out.

    Raises:
        UserError: The file is missing or damaged.
    """
    rows, rate = read_predictions(folder), headline_rate(targeted=targeted)
    if not rows:
        raise UserError(f"{folder / FILE_NAME} is missing")
    found = [(row.target, row.repeat, row.id, row.label, row.outcome(rate)) for row in rows]
    frame = pd.DataFrame(found, columns=[*_ASKED, "outcome"]).astype({"outcome": float})
    return frame.drop_duplicates(["target", "repeat", "id"], keep="last")
