"""The table of a sweep in Markdown."""

import re

from naa_lightning.report.page.wording import sentence
from naa_lightning.report.sweep.summary import Cell, Summary
from naa_lightning.report.sweep.wording import DAGGER, cell_text, fact_heads, facts, legend, remarks


def to_markdown(summary: Summary) -> str:
    """Write a pipe table with its legend above and its remarks below."""
    known = fact_heads(summary)
    heads = [*known, *(_escaped(column.name) for column in summary.columns)]
    lines = [
        heads,
        ["---"] * len(known) + ["---:"] * len(summary.columns),
        *(
            [*map(_escaped, facts(summary, block, row).values()), *map(_cell, row.cells)]
            for block in summary.blocks
            for row in block.rows
        ),
    ]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    explained = [_escaped(f"{sentence(part)}.") for part in legend(summary, best="Bold")]
    noted = [f"- {_escaped(remark)}" for remark in remarks(summary)]
    return "\n\n".join(filter(None, [" ".join(explained), table, "\n".join(noted)])) + "\n"


def _cell(cell: Cell) -> str:
    shown = f"**{cell_text(cell)}**" if cell.best else cell_text(cell)
    return f"{shown}{chr(92) + '*' if cell.differs else ''}{DAGGER if cell.white_box else ''}"


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(text.split()))
