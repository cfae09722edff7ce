"""The table of a sweep in the terminal."""

import re
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from naa_lightning.report.page.wording import NONE
from naa_lightning.report.sweep.table import SweepTable
from naa_lightning.report.sweep.wording import (
    DAGGER,
    block_title,
    differs,
    facts,
    interval_text,
    legend,
    rate_text,
    remarks,
    wide,
)

BEST = "\N{BLACK UP-POINTING TRIANGLE}"
"""The mark of the best cell where there are no colours."""

_UNBOUNDED = Console(width=100_000, file=None)
_LONGEST = 28
# Where a name may be broken: behind a sign between its words, but not in a number such as 1e-05.
_BREAK = re.compile(r"(?<=\w[-+_])(?![-+_.\d]|$)|(?<= )(?! |$)")
_STYLES = {BEST: "bold green", DAGGER: "dim", "failed": "red"}


def print_summary(folder: Path, table: SweepTable) -> None:
    """Print the table of a sweep, its remarks, and the places of its files.

    Args:
        folder: The sweep's folder.
        table: The table.
    """
    width = Console().width
    for title, part in sweep_tables(table, width):
        console = Console(width=max(width, _width(part)))  # a name that cannot be broken is not cut either
        if title:
            console.print(Text(title, style="italic"))
        console.print(part)
    told = [f"{'; '.join(legend(table, best=BEST))}."] if len(table.rows) else []
    for line in [*told, *remarks(table)]:
        for part_of_line in textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False):
            console.print(Text(part_of_line), soft_wrap=True)
    if len(table.rows):
        console.print(Text(f"report: {folder / 'report.html'}"), soft_wrap=True)
    console.print(Text(f"sweep: {folder}"), soft_wrap=True)


def sweep_tables(table: SweepTable, width: int) -> list[tuple[str, Table]]:
    """Lay out the table of a sweep, all of it.

    Rows against columns where that fits, or else, surrogate by surrogate, columns against as many rows as fit. Names
    are broken between their words, numbers never.

    Args:
        table: The table.
        width: The width of the terminal, in characters.

    Returns:
        The parts, each with its title.
    """
    if table.rows.empty:
        return []
    cells = wide(table, _shown)
    whole = _whole(table, cells)
    if _width(whole) <= width:
        return [("", whole)]
    return [part for block in table.rows.block.unique() for part in _turned(table, cells, block, width)]


def _whole(table: SweepTable, cells: pd.DataFrame) -> Table:
    """Lay out rows against columns, the rows of a surrogate in a section."""
    known, found = facts(table), Table()
    for name in known:
        found.add_column(name)
    for name in cells:
        found.add_column(Text(_broken(name, _widest(cells[name]))), justify="right")
    last = ~table.rows.block.duplicated(keep="last")
    for row in table.rows.index:
        described = [Text(_broken(text, _LONGEST)) for text in known.loc[row]]
        found.add_row(*described, *map(_styled, cells.loc[row]), end_section=bool(last[row]))
    return found


def _turned(table: SweepTable, cells: pd.DataFrame, block: int, width: int) -> Iterator[tuple[str, Table]]:
    """Lay out columns against the rows of a block, in as many parts as needed."""
    names = table.rows["name"][table.rows.block == block]
    cells = cells.loc[names.index, (cells.loc[names.index] != NONE).any()]
    widths = {row: max(_widest(cells.loc[row]), _widest(_BREAK.split(name)), 12) for row, name in names.items()}
    first = max(_widest(piece for name in cells for piece in _BREAK.split(name)), min(_LONGEST, width - 7 - max(widths.values())))
    parts: list[list[int]] = []
    left = 0
    for row, needed in widths.items():
        if needed + 3 > left:
            parts.append([])
            left = width - first - 4
        parts[-1].append(row)
        left -= needed + 3
    kinds = table.cells.drop_duplicates("column").set_index("column").kind
    for number, rows in enumerate(parts, start=1):
        found = Table()
        found.add_column("target")
        for row in rows:
            found.add_column(Text(_broken(names[row], widths[row])), justify="right")
        for place, name in enumerate(cells):
            ends = kinds[name] != kinds[cells.columns[min(place + 1, cells.shape[1] - 1)]]
            style = "bold" if kinds[name] == "mean" else None
            found.add_row(Text(_broken(name, first)), *map(_styled, cells.loc[rows, name]), end_section=ends, style=style)
        yield f"{block_title(table, block)}" + (f" ({number} of {len(parts)})" if len(parts) > 1 else ""), found


def _shown(cell: Any) -> str:
    """Write a cell: its rate with its spread and marks, and below, its interval."""
    marks = f"{BEST if cell.distinct else ''}{'*' if differs(cell) else ''}{DAGGER if cell.white_box else ''}"
    interval = interval_text(cell)
    return f"{rate_text(cell)}{marks}" + (f"\n{interval}" if interval else "")


def _styled(text: str) -> Text:
    return Text(text, style=next((style for mark, style in _STYLES.items() if mark in text), ""))


def _broken(name: str, width: int) -> str:
    """Break a name into lines of at most this width, if its words allow it."""
    lines = [""]
    for piece in _BREAK.split(" ".join(name.split())):
        if lines[-1] and cell_len(f"{lines[-1]}{piece}".rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines)


def _widest(texts: Iterable[str]) -> int:
    return max((cell_len(line.rstrip()) for text in texts for line in text.splitlines()), default=0)


def _width(table: Table) -> int:
    return Measurement.get(_UNBOUNDED, _UNBOUNDED.options, table).maximum
