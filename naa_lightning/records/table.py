"""Parquet tables whose rows are a dataclass."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from naa_lightning.atomic import write_atomically
from naa_lightning.exceptions import UserError


class Dataclass(Protocol):
    """Any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


Row = TypeVar("Row", bound=Dataclass)

# By a field's type, not inferred: a column that is null throughout keeps its type.
_COLUMN_TYPES: dict[object, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    int | None: pa.int64(),
    float: pa.float64(),
    float | None: pa.float64(),
}


def write_table(path: Path, kind: type[Row], rows: Sequence[Row]) -> Path:
    """Write a table; NaN and infinity become null where a field may be None.

    Args:
        path: The file to write.
        kind: The dataclass of the rows, whose fields are the columns.
        rows: The rows, in the order of the file; none leave a table of columns only.

    Returns:
        The path of the file.
    """
    write_rows(path, [_without_infinities(row) for row in rows], pa.schema(_columns(kind)))
    return path


def read_table(path: Path, kind: type[Row], filters: list[tuple[str, str, Any]] | None = None) -> list[Row]:
    """Read a table that `write_table` wrote.

    Args:
        path: The file to read.
        kind: The dataclass of the rows.
        filters: Conditions on columns, as of `pyarrow.parquet.read_table`; None reads all rows.

    Returns:
        The rows, in the order of the file; none where there is no file.

    Raises:
        UserError: The file is damaged, or was written by another version.
    """
    if not path.is_file():
        return []
    try:
        return [kind(**row) for row in pq.read_table(path, filters=filters).to_pylist()]
    except (OSError, TypeError, pa.ArrowException) as error:
        raise UserError(f"{path} is damaged or of another version ({error}): run again to have it rewritten") from error


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]], schema: pa.Schema | None = None) -> None:
    """Write rows that share their keys.

    Args:
        path: The file to write.
        rows: Values by column.
        schema: The types of the columns; None infers them.
    """
    content = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), content)
    write_atomically(path, content.getvalue().to_pybytes())


def _columns(kind: type[Row]) -> list[tuple[str, pa.DataType]]:
    return [(field.name, _COLUMN_TYPES[field.type]) for field in fields(kind)]


def _without_infinities(row: Dataclass) -> dict[str, Any]:
    optional = {field.name for field in fields(row) if field.type == float | None}
    return {
        name: None if name in optional and value is not None and not math.isfinite(value) else value
        for name, value in asdict(row).items()
    }
