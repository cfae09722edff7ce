"""Files that say which class of a network each class folder is."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from naa_lightning.data.label_file import Labelling
from naa_lightning.data.table_file import parse_table, read_text
from naa_lightning.exceptions import DataError


def read_class_map(path: str | Path) -> dict[str, int]:
    """Read which class, counted from 0, each class folder is.

    - `.json`: an object from the folder to its class, as torchvision's `class_to_idx`.
    - any other file: rows of two cells, folder and class, with or without heads; or one folder per line, of class 0
      first, as timm's class maps, none of which has a comma or another separator in its name.

    Args:
        path: The file; see `naa_lightning.data.table_file`.

    Returns:
        The class by the name of its folder.

    Raises:
        DataError: The file is missing, malformed or empty, or names a folder twice.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise DataError(f"`class_map={file}` is not a file; correct the path, or leave it out")
    text = read_text(file)
    entries = _of_json(text, file) if file.suffix.lower() == ".json" else _of_text(text, file)
    found: dict[str, int] = {}
    for where, folder, written in entries:
        if not folder:
            raise DataError(f"{where} names no folder; write one")
        if folder in found:
            raise DataError(f"{where} names {folder} again; remove one of the two")
        index = Labelling().class_of(written, where)
        if index < 0:
            raise DataError(f"{where}: {written!r} is no class; count from 0")
        found[folder] = index
    if not found:
        raise DataError(f"{file} names no class folder; write FOLDER,INDEX, one a line")
    return found


def _of_json(text: str, file: Path) -> Iterable[tuple[str, str, str]]:
    try:
        content = json.loads(text, object_pairs_hook=tuple)  # an object's keys may be there twice
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file} cannot be read as JSON ({error}); correct the file") from error
    if not isinstance(content, tuple):
        raise DataError(f"{file} must hold an object from the class folder to its index")
    return [
        (f"{file}, entry {folder!r}", folder, index if isinstance(index, str) else json.dumps(index))
        for folder, index in content
    ]


def _of_text(text: str, file: Path) -> Iterable[tuple[str, str, str]]:
    rows = parse_table(text, file).rows
    width = len(rows[0].cells) if rows else 1
    for row in rows:
        if len(row.cells) != width or width > 2:
            raise DataError(f"{file}, line {row.line} is no row of two cells; write FOLDER,INDEX, one a line")
    if width == 1:
        return [(f"{file}, line {row.line}", row.cells[0], str(index)) for index, row in enumerate(rows)]
    body = rows if re.match("[+-]?[0-9]", rows[0].cells[1]) else rows[1:]
    return [(f"{file}, line {row.line}", row.cells[0], row.cells[1]) for row in body]
