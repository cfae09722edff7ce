"""The table of a sweep in LaTeX."""

from naa_lightning.report.page.wording import NONE, percent, sentence
from naa_lightning.report.sweep.summary import Block, Cell, Summary
from naa_lightning.report.sweep.wording import fact_heads, facts, legend

_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "$": r"\$",
        "&": r"\&",
        "#": r"\#",
        "%": r"\%",
        "_": r"\_",
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
        "[": "{[}",  # after a line it would be an option of the line break
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "\N{PLUS-MINUS SIGN}": r"$\pm$",
        "\N{DAGGER}": r"$\dagger$",
    }
)


def to_latex(summary: Summary) -> str:
    """Write a table that needs the package booktabs; a rule parts the surrogates."""
    known = fact_heads(summary)
    heads = [_escaped(head) for head in (*known, *(column.name for column in summary.columns))]
    bodies = ["\n".join(_line(cells) for cells in _rows(summary, block)) for block in summary.blocks]
    caption = " ".join(f"{sentence(part)}." for part in legend(summary, best="Bold"))
    return "\n".join(
        [
            r"% needs \usepackage{booktabs}",
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{_escaped(caption)}}}",
            rf"\begin{{tabular}}{{{'l' * len(known)}{'r' * len(summary.columns)}}}",
            r"\toprule",
            _line(heads),
            r"\midrule",
            "\n\\midrule\n".join(bodies),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _rows(summary: Summary, block: Block) -> list[list[str]]:
    return [[*map(_escaped, facts(summary, block, row).values()), *map(_cell, row.cells)] for row in block.rows]


def _line(cells: list[str]) -> str:
    return f"{' & '.join(cells)} \\\\"


def _cell(cell: Cell) -> str:
    if cell.mean is None:
        return "failed" if cell.failed else "--"
    shown = rf"\textbf{{{percent(cell.mean)}}}" if cell.best else percent(cell.mean)
    marks = ("*" if cell.differs else "") + (r"\dagger" if cell.white_box else "")
    spread = "" if cell.spread is None else rf" {{\scriptsize$\pm$ {percent(cell.spread)}}}"
    return f"{shown}{spread}{f'$^{{{marks}}}$' if marks else ''}"


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace(NONE, "--").translate(_ESCAPES)
