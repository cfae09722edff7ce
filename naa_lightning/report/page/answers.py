"""What targets said of each image, for the pages: `predictions.parquet` and `perturbations.parquet`."""

from collections.abc import Collection
from dataclasses import fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from naa_lightning.errors import UserError
from naa_lightning.records.predictions import FILE_NAME, Prediction

PERTURBATIONS = "perturbations.parquet"


def read_first_answers(folder: Path, targets: Collection[str]) -> list[Prediction]:
    """Read what these targets said of each image when first asked; nothing where the run has no such file.

    Args:
        folder: Of the run.
        targets: Their names.

    Raises:
        UserError: The file cannot be read.
    """
    table = _read(folder / FILE_NAME)
    if table is None:
        return []
    try:
        wanted = pc.is_in(table["target"], value_set=pa.array(list(targets), pa.string()))
        if "repeat" in table.column_names:
            wanted = pc.and_(wanted, pc.equal(table["repeat"], 0))
        kept = [field.name for field in fields(Prediction) if field.name in table.column_names]
        rows = table.filter(wanted).select(kept).to_pylist()
        # A file without the column is older than repeats.
        return [Prediction(**{"repeat": 0} | row) for row in rows]
    except (KeyError, TypeError, pa.ArrowException) as error:
        raise UserError(f"{folder / FILE_NAME} is damaged: {error}") from error


def read_perturbations(folder: Path) -> dict[int, dict[str, float | None]]:
    """Read by how much each image was changed, by its id; nothing where the run has no such file.

    Args:
        folder: Of the run.

    Raises:
        UserError: The file cannot be read.
    """
    table = _read(folder / PERTURBATIONS)
    if table is None:
        return {}
    try:
        return {row["id"]: row for row in table.to_pylist()}
    except KeyError as error:
        raise UserError(f"{folder / PERTURBATIONS} is damaged: it has no column {error}") from error


def _read(path: Path) -> Any:
    try:
        return pq.read_table(path)
    except FileNotFoundError:
        return None
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{path} is damaged: {str(error).splitlines()[0]}") from error
