"""The table of a sweep in the terminal."""

import math
from pathlib import Path

import pandas as pd
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from naa_lightning.report.sweep.table import SweepTable
from naa_lightning.report.sweep.wording import DAGGER, legend, remarks, texts
from naa_lightning.report.terminal import Name, tell
from naa_lightning.report.wording import NONE

BEST = "\N{BLACK UP-POINTING TRIANGLE}"
"""The mark of the best cell where there are no colours."""

_LONGEST, _MIN, _BORDER = 28, 12, 3
_STYLES = {BEST: "bold green", DAGGER: "dim", "failed": "red"}


def print_summary(folder: Path, table: SweepTable) -> None:
    """Print the table of a sweep, its remarks, and the places of its files, which are in the folder."""
    console = Console()
    for title, part in sweep_tables(table, console.width):
        tell(console, title, style="italic")
        console.print(part, crop=False)
    tell(console, *([f"{'; '.join(legend(table, best=BEST))}."] if len(table.rows) else []), *remarks(table))
    places = {"report": folder / "report.html", "sweep": folder} if len(table.rows) else {"sweep": folder}
    for name, place in places.items():
        console.print(Text(f"{name}: {place}"), soft_wrap=True)


def sweep_tables(table: SweepTable, width: int) -> list[tuple[str, Table]]:
    """Lay out the table of a sweep, all of it, block by block.

    Rows against columns where that fits, or else columns against as many rows as fit at a time. Names are broken
    between their words, numbers never; a table that has a longer word is wider than the width, in characters.

    Returns:
        The parts, each with its title.
    """
    cells, parts = texts(table, best=f"{{}}{BEST}", interval="\n{}").set_axis(table.rows.index), []
    for title, rows in table.rows.groupby("title", sort=False):
        asked = table.runs.target[table.runs.folder.isin(rows.folders.explode())]
        of_block = cells.loc[rows.index].set_axis(rows["name"])
        of_block = of_block.loc[:, (of_block != NONE).any() | of_block.columns.isin(asked)]
        if sum(_widths(of_block, _LONGEST)) + 1 <= width:
            parts.append((str(title), _table(of_block, "attack", _LONGEST, width)))
            continue
        turned, room = of_block.T, min(_LONGEST, width // 3)
        first, *needed = _widths(turned, room)
        most = max(1, (width - 1 - first) // max(needed))
        size = math.ceil(len(rows) / math.ceil(len(rows) / most))  # so that the last part is not much smaller
        for start in range(0, len(rows), size):
            part = turned.iloc[:, start : start + size]
            told = f" ({start + 1} to {start + part.shape[1]} of {len(rows)})" if size < len(rows) else ""
            parts.append((f"{title}{told}", _table(part, "target", room, width)))
    return parts


def _widths(cells: pd.DataFrame, longest: int) -> list[int]:
    """Return the width that each column needs with its border, first that of the names, up to the longest."""
    names = max(max(name.least, min(longest, name.most)) for name in map(Name, cells.index))
    heads = [Name(head).least for head in cells.columns]
    texts = cells.map(lambda text: max(map(cell_len, text.split("\n")))).max()
    return [_BORDER + names, *(_BORDER + max(_MIN, *both) for both in zip(heads, texts, strict=True))]


def _table(cells: pd.DataFrame, head: str, longest: int, width: int) -> Table:
    """Lay out cells under the names of their columns, behind those of their rows."""
    first, *needed = _widths(cells, longest)
    least = first + sum(needed) + 1
    found = Table(width=least if least > width else None)
    found.add_column(head, min_width=first - _BORDER)
    for name, room in zip(cells.columns, needed, strict=True):
        found.add_column(Name(name), justify="right", width=room - _BORDER)
    for name, row in zip(cells.index, cells.to_numpy(), strict=True):
        found.add_row(Name(name), *map(_styled, row))
    return found


def _styled(text: str) -> Text:
    return Text(text, style=next((style for mark, style in _STYLES.items() if mark in text), ""))
