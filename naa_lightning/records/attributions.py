"""Exact neuron attribution of images, as numbers."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import pyarrow.parquet as pq

from naa_lightning.records.table import write_rows

FILE_NAME = "attribution.parquet"
AttributionRow: TypeAlias = dict[str, float]
"""What is known of one image: `id`, and numbers by names such as `clean/gini`."""


def write_attributions(folder: Path, rows: Sequence[AttributionRow]) -> None:
    """Write rows to `attribution.parquet` in a run's folder; no rows leave none."""
    if rows:
        write_rows(folder / FILE_NAME, rows)
    else:
        (folder / FILE_NAME).unlink(missing_ok=True)


def read_attributions(folder: Path) -> list[AttributionRow]:
    """Read what `write_attributions` wrote; no rows where it wrote nothing."""
    path = folder / FILE_NAME
    rows: list[AttributionRow] = pq.read_table(path).to_pylist() if path.is_file() else []
    return rows
