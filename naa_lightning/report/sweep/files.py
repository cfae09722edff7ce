"""The table of a sweep as files."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from naa_lightning.atomic import write_atomically
from naa_lightning.report.page.wording import NONE, sentence
from naa_lightning.report.sweep.table import SweepTable, read_sweep_table
from naa_lightning.report.sweep.wording import DAGGER, PLUS_MINUS, cell_text, facts, legend, remarks, wide

_SIGNS = str.maketrans({PLUS_MINUS: r"$\pm$", DAGGER: r"$^{\dagger}$", NONE: "--"})
_LATEX = {
    **str.maketrans({character: f"\\{character}" for character in "{}$&#%_"}),
    **str.maketrans({"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}),
    **str.maketrans({"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"}),
    ord("["): "{[}",  # after a line it would be an option of the line break
    **_SIGNS,
}


def write_summary(folder: Path, runs: Sequence[Path], baseline: str | None = None) -> SweepTable:
    """Write `summary.csv`, `summary.md` and `summary.tex` into a sweep's folder.

    Args:
        folder: The sweep's folder.
        runs: The folders of its runs, finished or not; nothing is written where none is.
        baseline: The attack, setting or both of the baseline; None for the one that the runs name.

    Returns:
        The table.
    """
    table = read_sweep_table(runs, baseline)
    if len(table.rows):
        for ending, written in (("csv", to_csv), ("md", to_markdown), ("tex", to_latex)):
            write_atomically(folder / f"summary.{ending}", written(table))
    return table


def to_csv(table: SweepTable) -> str:
    """Write one line per cell, shares in [0, 1]; what is unknown is empty, and lists have "; " between their parts."""
    described = table.rows[["surrogate", "attack", "setting", "data", "rate"]]
    lines = table.cells.drop(columns="row").rename(columns={"column": "target"})
    lines = pd.concat([described.loc[table.cells.row].reset_index(drop=True), lines], axis=1)
    flags = lines.select_dtypes(bool).columns
    lines[flags] = lines[flags].astype(str).apply(lambda texts: texts.str.lower())
    lines["targets"] = [_joined(names) for names in lines.targets]
    lines["left_out"] = [
        _joined([f"{name}: {reason}" for name, reason in lost.items()] if isinstance(lost, dict) else None)
        for lost in lines.left_out
    ]
    return lines.astype({"better": "Int64", "worse": "Int64"}).to_csv(index=False, lineterminator="\n")


def to_markdown(table: SweepTable) -> str:
    """Write a pipe table with its legend above and its remarks below."""
    body, known = _body(table, _in_markdown, lambda cell: cell_text(cell, best="**{}**", star="\\*"))
    align = ("left",) * known + ("right",) * (body.shape[1] - known)
    shown = body.to_markdown(index=False, colalign=align, disable_numparse=True)
    explained = " ".join(_in_markdown(f"{sentence(part)}.") for part in legend(table, best="Bold"))
    noted = "\n".join(f"- {_in_markdown(remark)}" for remark in remarks(table))
    return "\n\n".join(filter(None, [explained, shown, noted])) + "\n"


def to_latex(table: SweepTable) -> str:
    """Write a table that needs the package booktabs."""
    style: dict[str, str] = {"best": r"\textbf{{{}}}", "star": "$^{*}$", "interval": r" {{\scriptsize ({})}}"}
    body, known = _body(table, _in_latex, lambda cell: cell_text(cell, **style).translate(_SIGNS))
    caption = " ".join(f"{sentence(part)}." for part in legend(table, best="Bold"))
    shown = body.style.hide(axis=0).to_latex(
        hrules=True,
        caption=_in_latex(caption),
        position_float="centering",
        column_format="l" * known + "r" * (body.shape[1] - known),
    )
    return f"% needs \\usepackage{{booktabs}}\n{shown}"


def _body(table: SweepTable, escaped: Callable[[str], str], shown: Callable[[Any], str]) -> tuple[pd.DataFrame, int]:
    """Return rows against columns under escaped names, what describes the rows first, and the number of those."""
    known = facts(table).map(escaped)
    body = pd.concat([known, wide(table, shown).replace(NONE, escaped(NONE))], axis=1)
    return body.set_axis([escaped(str(name)) for name in body], axis=1), known.shape[1]


def _joined(names: Any) -> str | None:
    return "; ".join(names) if isinstance(names, (tuple, list)) and names else None


def _in_markdown(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(text.split()))


def _in_latex(text: str) -> str:
    return " ".join(text.split()).translate(_LATEX)
