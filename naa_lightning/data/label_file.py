"""Label files: CSV tables that name images and their classes."""

import csv
from collections.abc import Collection, Iterable
from pathlib import Path, PurePosixPath

from naa_lightning.data.file_check import NAMED
from naa_lightning.data.images import ImageRecord
from naa_lightning.exceptions import DataError


def read_rows(path: Path, columns: Collection[str]) -> list[dict[str, str]]:
    """Read a CSV file with a header.

    Args:
        path: The file, UTF-8.
        columns: Columns that it must have; it may have more.

    Raises:
        DataError: The file is missing, no CSV, lists nothing, or lacks a column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="", skipinitialspace=True)
            present, rows = list(reader.fieldnames or []), list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as CSV ({error}); correct the path or the file") from error
    lacking = [column for column in columns if column not in present]
    if not present:
        raise DataError(f"{path} is empty; write the columns {', '.join(columns)} and a row for each image")
    if lacking:
        raise DataError(f"{path} lacks the column {lacking[0]}; it has {', '.join(present)}")
    if not rows:
        raise DataError(f"{path} lists no image; write a row for each, below its heads")
    return rows


def parse_class(text: str, where: str) -> int:
    """Read a class index.

    Args:
        text: The text in the file.
        where: The file and the place in it, for errors.

    Raises:
        DataError: It is not an integer.

    >>> parse_class("cat", "labels.csv, row 2")
    Traceback (most recent call last):
    naa_lightning.exceptions.DataError: labels.csv, row 2: 'cat' is not a class index; write an integer
    """
    try:
        return int(text)
    except ValueError:
        raise DataError(f"{where}: {text!r} is not a class index; write an integer") from None


def list_images(csv: Path, target_column: str) -> list[ImageRecord]:
    """Read a CSV file with the columns `filename`, `label` and perhaps one of target classes, counted from 0.

    Raises:
        DataError: The file is missing or malformed.
    """
    records = []
    for i, row in enumerate(read_rows(csv, ("filename", "label"))):
        where = f"{csv}, row {i + 1}"
        target = row.get(target_column)
        file = str(PurePosixPath(row["filename"]))
        label = parse_class(row["label"], where)
        records.append(ImageRecord(i, file, label, parse_class(target, where) if target else None))
    return records


def require_files(root: Path, records: Iterable[ImageRecord], label_file: Path) -> None:
    """Check that the images that a label file lists are there.

    Raises:
        DataError: Some are missing; the message counts them and names the first ones.
    """
    missing = [record for record in records if not (root / record.file).is_file()]
    if len(missing) == 1:
        raise DataError(
            f"{label_file}, row {missing[0].id + 1}: {missing[0].file} is missing from {root}; restore the file or "
            "remove the row"
        )
    if missing:
        named = ", ".join(f"{record.file} (row {record.id + 1})" for record in missing[:NAMED])
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        raise DataError(
            f"{label_file} lists files that are missing from {root}: {named}{more}; restore them or remove their rows"
        )
