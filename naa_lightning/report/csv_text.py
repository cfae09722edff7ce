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


def _as_text(cell: Any) -> Any:
    if not isinstance(cell, str):
        return cell
    cell = cell.replace("\r", "\n")  # which is quoted, where a carriage return would begin another line
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
