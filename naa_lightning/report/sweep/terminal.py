"""The table of a sweep in the terminal."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from naa_lightning.report.page.wording import counted
from naa_lightning.report.sweep.summary import Block, Cell, Column, Summary
from naa_lightning.report.sweep.wording import DAGGER, block_title, cell_text, fact_heads, facts, legend, remarks

_UNBOUNDED = Console(width=100_000, file=None)
_LONGEST = 28

BEST = "\N{BLACK UP-POINTING TRIANGLE}"
"""The mark of the best cell where there are no colours."""


def print_summary(folder: Path, summary: Summary) -> None:
    """Print the table of a sweep, its remarks, and the places of its files.

    Args:
        folder: The sweep's folder.
        summary: The table.
    """
    console = Console()
    for table in sweep_tables(summary, console.width):
        console.print(table)
    for remark in remarks(summary):
        console.print(Text(remark))
    if summary.rows:
        console.print(Text(f"report: {folder / 'report.html'}"), soft_wrap=True)
    console.print(Text(f"sweep: {folder}"), soft_wrap=True)


def sweep_tables(summary: Summary, width: int) -> list[Table]:
    """Lay out the table of a sweep.

    Rows against targets where that fits, or else, surrogate by surrogate, targets against rows; where neither fits,
    rows against means and as many targets as there is room for.

    Args:
        summary: The table.
        width: The width of the terminal, in characters.
    """
    if not summary.rows:
        return []
    columns = sorted(summary.columns, key=lambda column: column.kind != "mean")
    whole = _table(summary, columns)
    if _width(whole) <= width:
        return [whole]
    turned = [_turned(summary, block, last=block is summary.blocks[-1]) for block in summary.blocks]
    if all(_width(table) <= width for table in turned):
        return turned
    shown = len(columns)
    while shown > 1 and _width(_table(summary, columns[:shown])) > width:
        shown -= 1
    return [_table(summary, columns[:shown])]


def _table(summary: Summary, columns: Sequence[Column]) -> Table:
    """Lay out rows against columns, the rows of a surrogate in a section."""
    hidden = len(summary.columns) - len(columns)
    table = Table(caption=_caption(summary, hidden))
    several = len(summary.blocks) > 1
    heads = fact_heads(summary)
    for head in heads:
        table.add_column(head, overflow="fold")
    for column in columns:
        table.add_column(Text(column.name), justify="right", overflow="fold", min_width=_widest(summary, column))
    for block in summary.blocks:
        for place, row in enumerate(block.rows):
            known = facts(summary, block, row)
            names = [Text(known[head] if head != "surrogate" or place == 0 else "") for head in heads]
            cells = dict(zip(summary.columns, row.cells, strict=True))
            table.add_row(
                *names,
                *(_shown(cells[column]) for column in columns),
                end_section=several and row is block.rows[-1],
            )
    return table


def _turned(summary: Summary, block: Block, *, last: bool) -> Table:
    """Lay out targets against the rows of a surrogate."""
    table = Table(title=Text(block_title(summary, block)), caption=_caption(summary, 0) if last else None)
    table.add_column("target", overflow="fold", max_width=_LONGEST)
    for row in block.rows:
        widest = max(len(_shown(cell)) for cell in row.cells)
        table.add_column(Text(row.name), justify="right", overflow="fold", min_width=widest, max_width=max(widest, 12))
    for place, column in enumerate(summary.columns):
        if not any(row.cells[place].rates or row.cells[place].failed for row in block.rows):
            continue
        following = summary.columns[place + 1 :]
        table.add_row(
            Text(column.name if len(column.name) <= _LONGEST else column.name.replace("+", "\n+")),
            *(_shown(row.cells[place]) for row in block.rows),
            end_section=bool(following) and following[0].kind != column.kind,
            style="bold" if column.kind == "mean" else None,
        )
    return table


def _widest(summary: Summary, column: Column) -> int:
    place = summary.columns.index(column)
    return max(len(_shown(row.cells[place])) for row in summary.rows)


def _shown(cell: Cell) -> Text:
    """Write a cell; marks stand behind its number, and their place is kept where there are none."""
    marks = f"{BEST if cell.best else ''}{'*' if cell.differs else ''}{DAGGER if cell.white_box else ''}"
    if cell.mean is None:
        style = "red" if cell.failed else ""
    else:
        style = "bold green" if cell.best else "dim" if cell.white_box else ""
    return Text(f"{cell_text(cell)}{marks:<2}", style=style)


def _caption(summary: Summary, hidden: int) -> Text:
    parts = legend(summary, best=BEST)
    if hidden:
        parts.append(f"{counted(hidden, 'more column')} in summary.md")
    return Text("; ".join(parts))


def _width(table: Table) -> int:
    return Measurement.get(_UNBOUNDED, _UNBOUNDED.options, table).maximum
