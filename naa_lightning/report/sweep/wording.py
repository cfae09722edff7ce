"""The wording of a sweep's table, in whatever format."""

from naa_lightning.report.page.rates import SHORT
from naa_lightning.report.page.wording import NONE, listed, percent
from naa_lightning.report.sweep.summary import ALPHA, Block, Cell, Row, Summary

PLUS_MINUS = "\N{PLUS-MINUS SIGN}"
DAGGER = "\N{DAGGER}"


def cell_text(cell: Cell) -> str:
    """Write a cell without its marks: the mean in percent, with its spread where there is one.

    >>> cell_text(Cell((0.25, 0.75))), cell_text(Cell((0.5,))), cell_text(Cell(failed=True)), cell_text(Cell()) == NONE
    ('50.0 ± 35.4', '50.0', 'failed', True)
    """
    if cell.mean is None:
        return "failed" if cell.failed else NONE
    return percent(cell.mean) + ("" if cell.spread is None else f" {PLUS_MINUS} {percent(cell.spread)}")


def rate_title(summary: Summary) -> str:
    """Return the names of the rates that the table shows."""
    return listed([f"{SHORT[rate]} rate" for rate in summary.rates] or ["success rate"])


def legend(summary: Summary, *, best: str, white_box: str = DAGGER) -> list[str]:
    """Explain the marks that the table has.

    Args:
        summary: The table.
        best: The mark of the best cell of a column.
        white_box: The mark of a white-box cell.
    """
    cells = [cell for row in summary.rows for cell in row.cells]
    parts = [f"{rate_title(summary)} in %"]
    if any(cell.spread is not None for cell in cells):
        parts[0] += f", mean {PLUS_MINUS} standard deviation over seeds"
    if any(cell.best for cell in cells):
        parts.append(f"{best}: best of its column and surrogate, white-box targets aside")
    if any(cell.comparison for cell in cells):
        names = listed(summary.baselines)
        parts.append(f"*: differs from the baseline, {names} (paired McNemar tests, Holm-adjusted p < {ALPHA:g})")
    if any(cell.white_box for cell in cells):
        parts.append(f"{white_box}: white-box")
    return parts


def block_title(summary: Summary, block: Block) -> str:
    """Return the title of a block: its surrogate, and what differs between blocks."""
    data = f" on {block.data}" if len(summary.data) > 1 else ""
    rate = f" {block.rate.replace('_', ' ')}" if len(summary.rates) > 1 else ""
    return block.surrogate + data + rate


def facts(summary: Summary, block: Block, row: Row) -> dict[str, str]:
    """Return the description of a row, by the heads of columns; what all rows share is left out, surrogate aside."""
    found = {"surrogate": block.surrogate, "attack": row.attack}
    if summary.has_settings:
        found["setting"] = row.setting
    if len(summary.data) > 1:
        found["data"] = block.data
    if len(summary.rates) > 1:
        found["rate"] = SHORT[block.rate]
    return found


def fact_heads(summary: Summary) -> list[str]:
    """Return the heads of `facts`."""
    return list(facts(summary, summary.blocks[0], summary.blocks[0].rows[0])) if summary.rows else []


def remarks(summary: Summary) -> list[str]:
    """Return failed and unfinished runs and the notices of the table, in one line each."""
    unfinished = ", ".join(folder.name for folder in summary.unfinished)
    return [
        *(f"{folder.name} failed: {reason}" for folder, reason in summary.failed.items()),
        *([f"unfinished: {unfinished}"] if unfinished else []),
        *summary.notices,
    ]
