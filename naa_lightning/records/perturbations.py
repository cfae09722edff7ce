"""How large and how visible each image's perturbation is."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from naa_lightning.atomic import write_atomically
from naa_lightning.exceptions import UserError

FILE_NAME = "perturbations.parquet"

# By a field's type, not inferred: a column that is null throughout keeps its type.
_COLUMN_TYPES: dict[object, pa.DataType] = {
    int: pa.int64(),
    str: pa.string(),
    float: pa.float64(),
    float | None: pa.float64(),
}


@dataclass(frozen=True)
class PerturbationRow:
    """A row of `perturbations.parquet`; see `naa_lightning.metrics.PerturbationSizes`.

    Args:
        id: The image's row in the data set's own order.
        file: Of the adversarial image, relative to the folder of the images.
        linf: The largest change of any pixel, in units of [0, 1] images.
        l2: The Euclidean length of the change, likewise.
        ssim: Structural similarity; None where the image is too small for it.
        psnr: Peak signal-to-noise ratio in dB; None where the images are equal.
        lpips: Perceptual distance; None where it was not measured.
    """

    id: int
    file: str
    linf: float
    l2: float
    ssim: float | None
    psnr: float | None
    lpips: float | None


def write_perturbations(folder: Path, rows: Sequence[PerturbationRow]) -> Path:
    """Write rows to `perturbations.parquet` in a run's folder and return its path; NaN and infinity become null."""
    path = folder / FILE_NAME
    content = pa.BufferOutputStream()
    schema = pa.schema([(field.name, _COLUMN_TYPES[field.type]) for field in fields(PerturbationRow)])
    values = [{name: _finite(value) for name, value in asdict(row).items()} for row in rows]
    pq.write_table(pa.Table.from_pylist(values, schema=schema), content)
    write_atomically(path, content.getvalue().to_pybytes())
    return path


def read_perturbations(folder: Path) -> list[PerturbationRow]:
    """Read what `write_perturbations` wrote; no rows where it wrote nothing.

    Raises:
        UserError: The file is damaged, or was written by another version.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        return []
    try:
        return [PerturbationRow(**row) for row in pq.read_table(path).to_pylist()]
    except (OSError, TypeError, pa.ArrowException) as error:
        raise UserError(f"{path} is damaged or of another version ({error}): run again to have it rewritten") from error


def _finite(value: int | str | float | None) -> int | str | float | None:
    return None if isinstance(value, float) and not math.isfinite(value) else value
