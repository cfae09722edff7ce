"""Label files: tables that name images and their classes."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

from naa_lightning.data.file_check import NAMED
from naa_lightning.data.images import ImageRecord
from naa_lightning.data.table_file import column, parse_table, read_text
from naa_lightning.exceptions import DataError

COLUMNS: Mapping[str, str] = {"filename": "filename", "label": "label", "target": "target"}
"""The usual heads of columns, by what they are for."""


@dataclass(frozen=True)
class Labelling:
    """How classes are written.

    Args:
        columns: The heads of those columns that have others than `COLUMNS`.
        first_label: The number of the first class.
        names: What the classes are called, by index, where they may be written so; None where no name is known.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    first_label: int = 0
    names: Sequence[str] | None = None

    def class_of(self, text: str, where: str) -> int:
        """Return the class, counted from 0, that a text stands for: its number, whole even if written as 5.0, or name.

        What may be a number with a mark for thousands, such as 1,000, is refused.

        Args:
            text: The text in the file.
            where: The file and the place in it, for errors.

        Raises:
            DataError: It is neither, a number below the first, or one class's number and the name of another.

        Example:
            >>> Labelling(first_label=1).class_of("5.0", "labels.csv, row 2")
            4
            >>> Labelling(names=["cat", "dog"]).class_of("dgo", "labels.csv, row 2")
            Traceback (most recent call last):
            naa_lightning.exceptions.DataError: labels.csv, row 2: 'dgo' is none of the 2 classes that are named (did \
you mean 'dog'?); correct it, or say what classes are called with `class_names=FILE`
        """
        if not re.fullmatch(r"[+-]?[0-9]{1,9}([.,](0{0,2}|0{4,}))?", text):
            return self._named(text, where)
        index = int(re.split("[.,]", text)[0]) - self.first_label
        if self.names is not None and text in self.names and (named := self.names.index(text)) != index:
            if 0 <= index < len(self.names):
                first = index + self.first_label - named
                counted = f"count from `first_label={first}` if it is the name, or " if first >= 0 else ""
                raise DataError(
                    f"{where}: {text} is what class {named} is called, and the number of class {index}; {counted}call "
                    "classes otherwise with `class_names=FILE`"
                )
            return named
        if self.first_label and index < 0:
            raise DataError(
                f"{where}: the label {text} is less than `first_label={self.first_label}`, from which classes are "
                "counted; correct it, or leave `first_label` out"
            )
        return index

    def _named(self, text: str, where: str) -> int:
        if self.names is not None and text in self.names:
            return self.names.index(text)
        if not text or text[0] in "+-0123456789":
            raise DataError(f"{where}: {text!r} is not a class index; write an integer")
        if self.names is None:
            raise DataError(
                f"{where}: {text!r} is not a class index; write an integer, or say what classes are called with "
                "`class_names=FILE`"
            )
        close = get_close_matches(text, self.names, n=1)
        remedy = f"did you mean {close[0]!r}?" if close else f"the first is {self.names[0]!r}"
        raise DataError(
            f"{where}: {text!r} is none of the {len(self.names)} classes that are named ({remedy}); correct it, or say "
            "what classes are called with `class_names=FILE`"
        )


def read_rows(
    path: Path, columns: Mapping[str, str], optional: Mapping[str, str] | None = None
) -> list[dict[str, str]]:
    """Read a table with heads.

    Args:
        path: The file; see `naa_lightning.data.table_file`.
        columns: The heads of the columns that it must have, whatever their case, by what they are for.
        optional: The heads of those that it may have, likewise.

    Returns:
        The cells of each row, by what their column is for; those of other columns are left out.

    Raises:
        DataError: The file is missing, no table, lists nothing, or lacks a column.
    """
    if not path.is_file():
        raise DataError(f"{path} cannot be read as CSV (it is no file); correct the path")
    rows, _ = parse_table(read_text(path), path)
    if not rows:
        raise DataError(f"{path} is empty; write the columns {', '.join(columns.values())} and a row for each image")
    heads = rows[0].cells
    places = {role: column(heads, head) for role, head in {**(optional or {}), **columns}.items()}
    for role, head in columns.items():
        if places[role] is None:
            named = f", or say which it is with `columns={{{role}:HEAD}}`" if role in COLUMNS else ""
            raise DataError(f"{path} lacks the column {head}; it has {', '.join(heads)}; correct its first line{named}")
    if len(rows) == 1:
        raise DataError(f"{path} lists no image; write a row for each, below its heads")
    there = {role: place for role, place in places.items() if place is not None}
    return [
        {role: row.cells[place] if place < len(row.cells) else "" for role, place in there.items()} for row in rows[1:]
    ]


def list_images(csv: Path, root: Path, labelling: Labelling, target_column: str = "target") -> list[ImageRecord]:
    """Read a table with the columns `filename`, `label` and perhaps one of target classes.

    Args:
        csv: The table.
        root: The folder that file names start in. A backslash in them is a slash where there is no file of that name.
        labelling: How classes are written, and what the columns are called.
        target_column: The usual head of the column of target classes.

    Raises:
        DataError: The file is missing or malformed.
    """
    columns = {"filename": "filename", "label": "label", **labelling.columns}
    records = []
    for i, row in enumerate(read_rows(csv, columns, optional={"target": target_column})):
        where = f"{csv}, row {i + 1}"
        target = row.get("target")
        records.append(
            ImageRecord(
                id=i,
                file=_file(root, row["filename"]),
                label=labelling.class_of(row["label"], where),
                target_class=labelling.class_of(target, where) if target else None,
            )
        )
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


def _file(root: Path, written: str) -> str:
    """Return a file name with forward slashes."""
    is_windows = "\\" in written and not (root / written).is_file()
    return str(PurePosixPath(written.replace("\\", "/") if is_windows else written))
