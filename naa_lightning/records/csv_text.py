"""Tables as CSV files that people open in a spreadsheet."""

from typing import Any

import pandas as pd

# What a spreadsheet takes for the beginning of a formula, also in quotes.
_FORMULA = ("=", "+", "-", "@", "\t", "\n")


def csv_text(frame: pd.DataFrame) -> str:
    r"""Write a table; a text that a spreadsheet would run as a formula, such as a name, gets an apostrophe before it.

    Example:
        >>> csv_text(pd.DataFrame({"target": ["=1+1", "vgg16"], "change": [-0.5, 0.5]}))
        "target,change\n'=1+1,-0.5\nvgg16,0.5\n"
    """
    texts = frame.select_dtypes(exclude=["number", "bool"]).columns
    return frame.assign(**{name: frame[name].map(_as_text) for name in texts}).to_csv(index=False, lineterminator="\n")


def as_cell(text: str) -> str:
    """Return a text as it stands in a cell, so that no spreadsheet runs it as a formula.

    Example:
        >>> as_cell("=1+1"), as_cell("a=1")
        ("'=1+1", 'a=1')
    """
    return f"'{text}" if text.lstrip("'").startswith(_FORMULA) else text


def from_cell(cell: str) -> str:
    """Return the text that `as_cell` has made a cell of.

    Example:
        >>> [from_cell(as_cell(text)) for text in ("=1+1", "'=1+1", "'a")]
        ['=1+1', "'=1+1", "'a"]
    """
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(_FORMULA) else cell


def _as_text(cell: Any) -> Any:
    # a line feed is quoted, where a carriage return would begin another line
    return as_cell(cell.replace("\r", "\n")) if isinstance(cell, str) else cell
