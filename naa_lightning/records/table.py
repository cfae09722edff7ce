"""Parquet tables whose rows are a dataclass."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from naa_lightning.atomic import write_atomically
from naa_lightning.exceptions import UserError
from naa_lightning.records.json_file import SCHEMA_VERSION

# By a field's type, not inferred: a column that is null throughout keeps its type.
_COLUMN_TYPES: dict[object, pa.DataType] = {
    bytes: pa.binary(),
    str: pa.string(),
    str | None: pa.string(),
    int: pa.int64(),
    int | None: pa.int64(),
    float: pa.float64(),
    float | None: pa.float64(),
}
_VERSION = b"naa_lightning_schema_version"


class Dataclass(Protocol):
    """Any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


Row = TypeVar("Row", bound=Dataclass)


class Table(Generic[Row]):
    """A table in a run's folder.

    Its file says which version of the columns it has. A column that an older version lacks has its field's default.

    Args:
        name: The name of the file.
        kind: The dataclass of the rows, whose fields are the columns.
        upgraded: A function that brings a table of an older version to these columns; None where defaults do.
    """

    def __init__(self, name: str, kind: type[Row], upgraded: Callable[[pa.Table, int], pa.Table] | None = None) -> None:
        self.name = name
        self.kind = kind
        self.upgraded = upgraded

    @property
    def schema(self) -> pa.Schema:
        """The columns and their types, with the version."""
        columns = [(field.name, _COLUMN_TYPES[field.type]) for field in fields(self.kind)]
        return pa.schema(columns, metadata={_VERSION: str(SCHEMA_VERSION)})

    def write(self, folder: Path, rows: Sequence[Row]) -> Path:
        """Write rows into a folder and return the file; NaN and infinity become null where a field may be None."""
        types = {field.name: field.type for field in fields(self.kind)}
        values = [
            {name: _finite(value) if types[name] == float | None else value for name, value in asdict(row).items()}
            for row in rows
        ]
        content = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(values, schema=self.schema), content)
        write_atomically(folder / self.name, content.getvalue().to_pybytes())
        return folder / self.name

    def read(self, folder: Path, filters: list[tuple[str, str, Any]] | None = None) -> list[Row]:
        """Read the rows in a folder; none where there is no file.

        Args:
            folder: The folder of the run.
            filters: Conditions on columns, as of `pyarrow.parquet.read_table`; None reads all rows.

        Raises:
            UserError: The file is damaged, or was written by a later version.
        """
        path = folder / self.name
        if not path.is_file():
            return []
        try:
            found = pq.read_table(path, filters=filters)
            version = int((found.schema.metadata or {}).get(_VERSION, 1))
            if version > SCHEMA_VERSION:
                raise UserError(f"{path} has version {version}, this program reads up to {SCHEMA_VERSION}: update it")
            if version < SCHEMA_VERSION and self.upgraded is not None:
                found = self.upgraded(found, version)
            known = [field.name for field in fields(self.kind) if field.name in found.column_names]
            return [self.kind(**row) for row in found.select(known).to_pylist()]
        except (OSError, TypeError, ValueError, pa.ArrowException) as error:
            raise UserError(f"{path} is damaged ({error}): run again to have it rewritten") from error


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
