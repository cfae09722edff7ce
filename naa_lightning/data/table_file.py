"""Tables in text files, as spreadsheets, pandas and people write them."""

import csv
import re
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from naa_lightning.exceptions import DataError
from naa_lightning.told_once import tell

_SEPARATORS = ",;\t|"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class Row(NamedTuple):
    """A row that is not empty: the line of the file that it ends in, from 1, and its cells without outer blanks."""

    line: int
    cells: Sequence[str]


class TableFile(NamedTuple):
    """The rows of a table, and what separates their cells."""

    rows: Sequence[Row]
    separator: str


def read_text(file: Path) -> str:
    """Read a text in UTF-8, in UTF-16 where it begins with a byte order mark, or else in the Windows code page 1252.

    Lines end in a line feed, whatever they end in there.

    Raises:
        DataError: The file cannot be read, or is no text.
    """
    try:
        text = _decoded(file.read_bytes(), file)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read as text ({error}); save it as text in UTF-8") from error
    if "\0" in text:
        raise DataError(f"{file} cannot be read as text (it holds bytes of zeros); save it as text in UTF-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def parse_table(text: str, file: Path) -> TableFile:
    r"""Split a text into rows of cells; those of blanks alone are left out.

    Args:
        text: The text, whose cells are separated by what is the first of comma, semicolon, tab and bar in its first
            line, outside of quotes.
        file: The file that it is from, for messages.

    Raises:
        DataError: It cannot be split.

    Example:
        >>> parse_table("filename;label\r\n\"a;b.png\"; 3\r\n;\r\n", Path("labels.csv")).rows[1]
        Row(line=2, cells=['a;b.png', '3'])
    """
    first_line = re.sub('"[^"]*"', "", text).lstrip().partition("\n")[0]
    found = re.search(f"[{_SEPARATORS}]", first_line)
    separator = found[0] if found else ","
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    try:
        rows = [Row(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(map(str.strip, row))]
    except csv.Error as error:
        raise DataError(f"{file}, line {reader.line_num} cannot be read as CSV ({error}); correct it") from error
    return TableFile(rows, separator)


def column(heads: Sequence[str], name: str) -> int | None:
    """Return the place of a column by its head, or else of the only one whose head differs in case; None without one.

    Example:
        >>> [column(heads, "label") for heads in (["Label", "label"], ["File", "LABEL"], ["LABEL", "Label"])]
        [1, 1, None]
    """
    name = name.strip()
    if name in heads:
        return heads.index(name)
    places = [place for place, head in enumerate(heads) if head.casefold() == name.casefold()]
    return places[0] if len(places) == 1 else None


def _decoded(content: bytes, file: Path) -> str:
    if content.startswith(_UTF_16):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252")
        tell(f"{file} is no UTF-8 and is read in the Windows code page 1252: save it in UTF-8 if its letters are wrong")
        return text
