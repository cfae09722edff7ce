"""Exact neuron attribution of images, as numbers."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from naa_lightning.atomic import write_atomically

FILE_NAME = "attribution.parquet"
AttributionRow: TypeAlias = dict[str, float]
"""What is known of one image: `id`, and numbers by names such as `clean/gini`."""


def write_attributions(folder: Path, rows: Sequence[AttributionRow]) -> None:
    """Write rows to `attribution.parquet` in a run's folder; no rows leave none."""
    if not rows:
        (folder / FILE_NAME).unlink(missing_ok=True)
        return
    content = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(list(rows)), content)
    write_atomically(folder / FILE_NAME, content.getvalue().to_pybytes())


def read_attributions(folder: Path) -> list[AttributionRow]:
    """Read what `write_attributions` wrote; no rows where it wrote nothing."""
    path = folder / FILE_NAME
    rows: list[AttributionRow] = pq.read_table(path).to_pylist() if path.is_file() else []
    return rows
