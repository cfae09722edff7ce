"""Names and lines in the terminal, which are broken between their words only."""

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from naa_lightning.report.wording import BREAK

_BREAK = re.compile(rf"{BREAK.pattern}|(?<= )(?! |$)")


@dataclass(frozen=True)
class Name:
    """A name that rich breaks at a space, and behind a "+", "_", "-", "." or "/" between its words."""

    text: str

    @property
    def pieces(self) -> list[str]:
        """The parts that stay whole."""
        return _BREAK.split(" ".join(self.text.split()))

    @property
    def least(self) -> int:
        """The width of the widest part."""
        return max(cell_len(piece.rstrip()) for piece in self.pieces)

    @property
    def most(self) -> int:
        """The width of the whole name."""
        return cell_len("".join(self.pieces))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """Say from which to which width it is shown."""
        return Measurement(self.least, self.most)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Fill lines with as many parts as they take."""
        lines = [""]
        for piece in self.pieces:
            if lines[-1] and cell_len(f"{lines[-1]}{piece}".rstrip()) > options.max_width:
                lines.append("")
            lines[-1] += piece
        yield Text("\n".join(line.rstrip() for line in lines))


def numbers_table(head: str, columns: Sequence[str], *, title: str = "", caption: str = "") -> Table:
    """Return an empty table with a column of names before some of numbers, which are never broken.

    Args:
        head: The head of the names.
        columns: The heads of the numbers.
        title: The title, in which nothing is markup.
        caption: What stands below the table.
    """
    table = Table(title=Text(title, "table.title"), caption=caption)
    table.add_column(head, overflow="fold", min_width=len("black-box mean (00)"))
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def tell(console: Console, *lines: str, style: str = "") -> None:
    """Print lines of text, broken at spaces only."""
    for line in lines:
        filled = textwrap.fill(line, console.width, break_long_words=False, break_on_hyphens=False)
        console.print(Text(filled, style), soft_wrap=True)
