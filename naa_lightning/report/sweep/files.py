"""The table of a sweep as files."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from naa_lightning.atomic import write_atomically
from naa_lightning.report.page.wording import NONE, percent, sentence
from naa_lightning.report.sweep.table import SweepTable, read_sweep_table
from naa_lightning.report.sweep.wording import (
    DAGGER,
    PLUS_MINUS,
    differs,
    facts,
    interval_text,
    legend,
    rate_text,
    remarks,
    wide,
)

_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        **{character: f"\\{character}" for character in "{}$&#%_"},
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
        "[": "{[}",  # after a line it would be an option of the line break
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        PLUS_MINUS: r"$\pm$",
        DAGGER: r"$\dagger$",
        NONE: "--",
    }
)


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
        write_atomically(folder / "summary.csv", to_csv(table))
        write_atomically(folder / "summary.md", to_markdown(table))
        write_atomically(folder / "summary.tex", to_latex(table))
    return table


def to_csv(table: SweepTable) -> str:
    """Write one line per cell, shares in [0, 1]; unknown values are empty, and what there are several of has "; "."""
    cells = table.cells.join(table.rows[["surrogate", "attack", "setting", "data", "rate"]], on="row")
    facts_first = ["surrogate", "attack", "setting", "data", "rate", *table.cells.columns.drop("row")]
    texts = cells[facts_first].rename(columns={"column": "target"})
    for name in ("white_box", "failed", "best", "distinct"):
        texts[name] = texts[name].map({True: "true", False: "false"})
    texts["targets"] = [_joined(names) for names in texts.targets]
    texts["left_out"] = [
        _joined([f"{name}: {reason}" for name, reason in lost.items()] if isinstance(lost, dict) else None)
        for lost in texts.left_out
    ]
    return texts.astype({"better": "Int64", "worse": "Int64"}).to_csv(index=False, lineterminator="\n")


def to_markdown(table: SweepTable) -> str:
    """Write a pipe table with its legend above and its remarks below."""
    known, cells = facts(table).map(_in_markdown), wide(table, _markdown_cell)
    body = pd.concat([known, cells], axis=1)
    body.columns = pd.Index([_in_markdown(name) for name in body.columns])
    align = ("left",) * known.shape[1] + ("right",) * cells.shape[1]
    explained = " ".join(_in_markdown(f"{sentence(part)}.") for part in legend(table, best="Bold"))
    noted = "\n".join(f"- {_in_markdown(remark)}" for remark in remarks(table))
    shown = body.to_markdown(index=False, colalign=align, disable_numparse=True)
    return "\n\n".join(filter(None, [explained, shown, noted])) + "\n"


def to_latex(table: SweepTable) -> str:
    """Write a table that needs the package booktabs."""
    known, cells = facts(table).map(_in_latex), wide(table, _latex_cell).replace(NONE, "--")
    body = pd.concat([known, cells], axis=1)
    body.columns = pd.Index([_in_latex(name) for name in body.columns])
    caption = " ".join(f"{sentence(part)}." for part in legend(table, best="Bold"))
    shown = body.style.hide(axis=0).to_latex(
        hrules=True,
        caption=_in_latex(caption),
        position_float="centering",
        column_format="l" * known.shape[1] + "r" * cells.shape[1],
    )
    return f"% needs \\usepackage{{booktabs}}\n{shown}"


def _joined(names: Any) -> str | None:
    return "; ".join(names) if isinstance(names, (tuple, list)) and names else None


def _markdown_cell(cell: Any) -> str:
    shown = f"**{rate_text(cell)}**" if cell.distinct else rate_text(cell)
    marks = ("\\*" if differs(cell) else "") + (DAGGER if cell.white_box else "")
    interval = interval_text(cell)
    return f"{shown}{marks}" + (f" ({interval})" if interval else "")


def _latex_cell(cell: Any) -> str:
    if pd.isna(cell.mean):
        return rate_text(cell)
    shown = rf"\textbf{{{percent(cell.mean)}}}" if cell.distinct else percent(cell.mean)
    marks = ("*" if differs(cell) else "") + (r"\dagger" if cell.white_box else "")
    spread = "" if pd.isna(cell.spread) else rf"$\pm$ {percent(cell.spread)} "
    interval = interval_text(cell).replace(NONE, "--")
    small = (spread + (f"({interval})" if interval else "")).strip()
    return shown + (f"$^{{{marks}}}$" if marks else "") + (rf" {{\scriptsize {small}}}" if small else "")


def _in_markdown(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(text.split()))


def _in_latex(text: str) -> str:
    return " ".join(text.split()).translate(_LATEX)
