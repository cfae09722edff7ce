"""Parquet tables whose rows are a dataclass."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from naa_lightning.atomic import write_atomically
from naa_lightning.exceptions import UserError

# By a field's type, not inferred: a column that is null throughout keeps its type.
_COLUMN_TYPES: dict[object, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    int | None: pa.int64(),
    float: pa.float64(),
    float | None: pa.float64(),
}


class Dataclass(Protocol):
    """Any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


Row = TypeVar("Row", bound=Dataclass)


class Table(Generic[Row]):
    """A table in a run's folder.

    Args:
        name: The name of the file.
        kind: The dataclass of the rows, whose fields are the columns.
    """

    def __init__(self, name: str, kind: type[Row]) -> None:
        self.name = name
        self.kind = kind

    def write(self, folder: Path, rows: Sequence[Row]) -> Path:
        """Write rows into a folder and return the file; NaN and infinity become null where a field may be None."""
        types = {field.name: field.type for field in fields(self.kind)}
        values = [
            {name: _finite(value) if types[name] == float | None else value for name, value in asdict(row).items()}
            for row in rows
        ]
        schema = pa.schema([(name, _COLUMN_TYPES[kind]) for name, kind in types.items()])
        write_rows(folder / self.name, values, schema)
        return folder / self.name

    def read(self, folder: Path, filters: list[tuple[str, str, Any]] | None = None) -> list[Row]:
        """Read the rows in a folder; none where there is no file.

        Args:
            folder: The folder of the run.
            filters: Conditions on columns, as of `pyarrow.parquet.read_table`; None reads all rows.

        Raises:
            UserError: The file is damaged, or was written by another version.
        """
        path = folder / self.name
        if not path.is_file():
            return []
        try:
            return [self.kind(**row) for row in pq.read_table(path, filters=filters).to_pylist()]
        except (OSError, TypeError, pa.ArrowException) as error:
            raise UserError(
                f"{path} is damaged or of another version ({error}): run again to have it rewritten"
            ) from error


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]], schema: pa.Schema | None = None) -> None:
    """Write rows, values by column, whose types are those of the schema or else inferred."""
    content = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), content)
    write_atomically(path, content.getvalue().to_pybytes())


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
