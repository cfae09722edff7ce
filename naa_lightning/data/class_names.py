"""What the classes of data are called: as a file says, and whether a model means the same ones."""

import json
import re
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from naa_lightning.class_names import distinct_names, with_number
from naa_lightning.data.images import ImageRecord
from naa_lightning.data.table_file import column, parse_table, read_text
from naa_lightning.exceptions import DataError

INDEX_HEADS = ("index", "class", "label", "id")
NAME_HEADS = ("name", "class_name", "description")


class _Entry(NamedTuple):
    where: str
    number: str
    name: Any


def read_class_names(path: str | Path) -> list[str]:
    """Read what classes are called.

    - `.json`: a list of names, or an object from the class, as text, to its name or to `[WordNet id, name]`.
    - `.csv`: a column of classes and one of names, which their heads tell (see `INDEX_HEADS` and `NAME_HEADS`), or two
      columns without heads. Commas, semicolons, tabs or bars separate them.
    - any other file: one name per line, of class 0 first.

    Args:
        path: The file; see `read_text`.

    Returns:
        The names, by class from 0; classes of one name are told apart by their numbers.

    Raises:
        DataError: The file is missing, malformed or empty, or a class from 0 to the last one has no name or several.
    """
    file = Path(path).expanduser()
    text = _text_of(file)
    if not text.strip():
        raise DataError(f"{file} names no class; write one name per line, the first one of class 0")
    match file.suffix.lower():
        case ".json":
            entries = _entries_of_json(text, file)
        case ".csv":
            entries = _entries_of_csv(text, file)
        case _:
            lines = text.rstrip().split("\n")
            entries = [_Entry(f"{file}, line {index + 1}", str(index), line) for index, line in enumerate(lines)]
    return distinct_names(_in_order(entries, file))


def check_classes(known: Sequence[str] | None, model: str, given: Sequence[str] | None, data: str) -> None:
    """Check that a model and data mean the same classes, as far as both name theirs.

    Args:
        known: Names of the model's classes, by index; None where nothing says them.
        model: The name of the model.
        given: Names of the data's classes, likewise.
        data: The name of the data.

    Raises:
        DataError: They do not.
    """
    if known is None or given is None:
        return
    for index, (of_model, of_data) in enumerate(zip_longest(known, given)):
        if of_model is None or of_data is None or _essence(of_model, index) != _essence(of_data, index):
            raise DataError(
                f"{model} was trained on other classes than those of {data}: class {index} is {_or_none(of_model)} for "
                f"the model and {_or_none(of_data)} in the data; choose data with the model's classes, in its order, "
                "or a model trained on these data"
            )


def check_names_fit(names: Sequence[str], file: Path, num_classes: int, owner: str) -> None:
    """Check that a file does not name more classes than there are, as one with a background class before them does.

    Args:
        names: The names.
        file: The file that they are from.
        num_classes: The number of classes.
        owner: The name of the data or the model that has so many.

    Raises:
        DataError: It does.
    """
    if len(names) > num_classes:
        raise DataError(
            f"{file} names {len(names)} classes, and {owner} has {num_classes}; remove the names of others, such as a "
            "background class, or name another file in `class_names=FILE`"
        )


def check_names_cover(names: Sequence[str], file: Path, records: Iterable[ImageRecord]) -> None:
    """Check that a file names the classes of images and those that are aimed at.

    Args:
        names: The names.
        file: The file that they are from.
        records: The images.

    Raises:
        DataError: A label or target class has no name.
    """
    for record in records:
        for role, value in (("label", record.label), ("target class", record.target_class)):
            if value is not None and value >= len(names):
                raise DataError(
                    f"{record.file} has the {role} {value}, counted from 0, and {file} names {len(names)} classes, 0 "
                    f"to {len(names) - 1}; add the names up to class {value}, or name another file in "
                    "`class_names=FILE`"
                )


def _essence(name: str, index: int) -> str:
    """Return what is compared of a class's name: the first of several synonyms, whatever case and blanks are written.

    A number may stand behind one of two names alone, as where another class has the name.

    >>> _essence("tench, Tinca tinca", 0) == _essence("Tench", 0) == _essence("tench (0)", 0)
    True
    """
    return with_number(name.partition(",")[0].replace("_", " ").casefold(), index)


def _or_none(name: str | None) -> str:
    return "none" if name is None else repr(name)


def _text_of(file: Path) -> str:
    if not file.is_file():
        raise DataError(
            f"`class_names={file}` is not a file; correct the path, which starts in the folder that the command is run "
            "in, or leave it out"
        )
    return read_text(file)


def _entries_of_json(text: str, file: Path) -> list[_Entry]:
    try:
        content = json.loads(text, object_pairs_hook=tuple)  # an object's keys may be there twice
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file} cannot be read as JSON ({error}); correct the file") from error
    if isinstance(content, list):
        pairs: Iterable[Any] = ((str(index), value) for index, value in enumerate(content))
    elif isinstance(content, tuple):
        pairs = content
    else:
        raise DataError(f"{file} must hold a list of names, or an object from the class to its name")
    entries = []
    for index, value in pairs:
        where = f"{file}, entry {index!r}"
        match value:
            case str() | [str(), str()]:
                entries.append(_Entry(where, index, value if isinstance(value, str) else value[1]))
            case _:
                raise DataError(f"{where} is {json.dumps(value)}; write a name, or [WordNet id, name]")
    return entries


def _entries_of_csv(text: str, file: Path) -> list[_Entry]:
    rows, separator = parse_table(text, file)
    first_line, first = rows[0]
    if len(first) == 2 and first[0].isdecimal():
        index, name, body = 0, 1, rows
    else:
        index, name = _columns(first, f"{file}, line {first_line}")
        body = rows[1:]
    entries = []
    for line, row in body:
        where = f"{file}, line {line}"
        if any(row[len(first) :]):
            raise DataError(
                f"{where} has {len(row)} cells, and the first line has {len(first)}; put a name that holds "
                f"{separator!r} in quotes"
            )
        cells = [*row, *[""] * (len(first) - len(row))]
        entries.append(_Entry(where, cells[index], cells[name]))
    return entries


def _columns(heads: Sequence[str], where: str) -> tuple[int, int]:
    """Find the columns of classes and of names."""
    index, name = (
        next((place for head in wanted if (place := column(heads, head)) is not None), None)
        for wanted in (INDEX_HEADS, NAME_HEADS)
    )
    if index is None or name is None:
        raise DataError(
            f"{where} has the heads {', '.join(map(repr, heads))}; name the column of classes {_either(INDEX_HEADS)}, "
            f"and that of names {_either(NAME_HEADS)}, or leave out the heads and write two columns, class and name"
        )
    return index, name


def _either(heads: Sequence[str]) -> str:
    return f"{', '.join(heads[:-1])} or {heads[-1]}"


def _in_order(entries: Iterable[_Entry], file: Path) -> list[str]:
    found: dict[int, str] = {}
    for where, text, name in entries:
        if not re.fullmatch(r"\s*[0-9]{1,9}\s*", text):
            raise DataError(f"{where}: {text!r} is not a class; write an integer from 0")
        index = int(text)
        if index in found:
            raise DataError(
                f"{where} names class {index} {name.strip()!r}, which was named {found[index]!r} before; remove one"
            )
        if not name.strip():
            raise DataError(f"{where} gives class {index} no name; write one")
        found[index] = " ".join(name.split())
    if not found:
        raise DataError(f"{file} names no class; write a name for every class, from 0")
    for index in range(max(found)):
        if index not in found:
            counted = ", or count from 0 instead of 1" if index == 0 and min(found) == 1 else ""
            raise DataError(f"{file} names class {max(found)}, but not class {index}; add its name{counted}")
    return [found[index] for index in range(len(found))]
