"""The table of a sweep in the terminal."""

import math
import re
import textwrap
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from naa_lightning.report.page.wording import NONE
from naa_lightning.report.sweep.table import SweepTable
from naa_lightning.report.sweep.wording import DAGGER, block_title, cell_text, legend, remarks, wide

BEST = "\N{BLACK UP-POINTING TRIANGLE}"
"""The mark of the best cell where there are no colours."""

_UNBOUNDED = Console(width=100_000, file=None)
_LONGEST, _MIN = 28, 12
# Where a name may be broken: behind a sign between its words, but not in a number such as 1e-05.
_BREAK = re.compile(r"(?<=\w[-+_])(?![-+_.\d]|$)|(?<= )(?! |$)")
_STYLES = {BEST: "bold green", DAGGER: "dim", "failed": "red"}


def print_summary(folder: Path, table: SweepTable) -> None:
    """Print the table of a sweep, its remarks, and the places of its files.

    Args:
        folder: The sweep's folder.
        table: The table.
    """
    console = Console()
    whole = textwrap.TextWrapper(console.width, break_long_words=False, break_on_hyphens=False)
    for title, part in sweep_tables(table, console.width):
        console.print(Text(whole.fill(title), style="italic"), soft_wrap=True)
        Console(width=max(console.width, _width(part))).print(part)  # a name that cannot be broken is not cut either
    told = [f"{'; '.join(legend(table, best=BEST))}."] if len(table.rows) else []
    for line in [*told, *remarks(table)]:
        console.print(Text(whole.fill(line)), soft_wrap=True)
    places = {"report": folder / "report.html", "sweep": folder} if len(table.rows) else {"sweep": folder}
    for name, place in places.items():
        console.print(Text(f"{name}: {place}"), soft_wrap=True)


def sweep_tables(table: SweepTable, width: int) -> list[tuple[str, Table]]:
    """Lay out the table of a sweep, all of it, block by block.

    Rows against columns where that fits, or else columns against as many rows as fit at a time. Names are broken
    between their words, numbers never.

    Args:
        table: The table.
        width: The width of the terminal, in characters.

    Returns:
        The parts, each with its title.
    """
    cells, parts = wide(table, lambda cell: cell_text(cell, best=f"{{}}{BEST}", interval="\n{}")), []
    for block, rows in table.rows.groupby("block", sort=False):
        title = block_title(table, int(str(block)))
        of_block = cells.loc[rows.index].set_axis(rows["name"], axis=0)
        asked = table.runs.target[table.runs.folder.isin(rows.folders.explode())]
        of_block = of_block.loc[:, (of_block != NONE).any() | of_block.columns.isin(asked)]
        whole = _table(of_block, "attack", _LONGEST)
        if _width(whole) <= width:
            parts.append((title, whole))
            continue
        turned = of_block.T
        names = [str(name) for name in turned.index]
        room = max(_widest(_pieces(names)), min(_LONGEST, width // 3, _widest(names)))
        most = max(1, (width - room - 4) // max(_needed(turned)))
        size = math.ceil(len(rows) / math.ceil(len(rows) / most))  # so that the last part is not much smaller
        for start in range(0, len(rows), size):
            part = turned.iloc[:, start : start + size]
            told = f" ({start + 1} to {start + part.shape[1]} of {len(rows)})" if size < len(rows) else ""
            parts.append((f"{title}{told}", _table(part, "target", room)))
    return parts


def _table(cells: pd.DataFrame, head: str, longest: int) -> Table:
    """Lay out cells under the names of their columns, behind those of their rows."""
    found = Table()
    found.add_column(head)
    for name, needed in zip(cells.columns, _needed(cells), strict=True):
        found.add_column(Text(_broken(str(name), needed - 3)), justify="right")
    for name, row in zip(cells.index, cells.to_numpy(), strict=True):
        found.add_row(Text(_broken(str(name), longest)), *map(_styled, row))
    return found


def _needed(cells: pd.DataFrame) -> list[int]:
    """Return the width of each column with its border, so that no number and no word is broken."""
    return [
        3 + max(_MIN, _widest(cells.iloc[:, place]), _widest(_pieces([str(name)])))
        for place, name in enumerate(cells.columns)
    ]


def _styled(text: str) -> Text:
    return Text(text, style=next((style for mark, style in _STYLES.items() if mark in text), ""))


def _pieces(names: Iterable[str]) -> list[str]:
    """Return the parts of names that stay whole."""
    return [piece for name in names for piece in _BREAK.split(" ".join(name.split()))]


def _broken(name: str, width: int) -> str:
    """Break a name into lines of at most this width, if its words allow it."""
    lines = [""]
    for piece in _pieces([name]):
        if lines[-1] and cell_len(f"{lines[-1]}{piece}".rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines)


def _widest(texts: Iterable[str]) -> int:
    return max((cell_len(line.rstrip()) for text in texts for line in text.splitlines()), default=0)


def _width(table: Table) -> int:
    return Measurement.get(_UNBOUNDED, _UNBOUNDED.options, table).maximum
