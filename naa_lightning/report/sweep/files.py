"""The table of a sweep as files."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from naa_lightning.atomic import write_atomically
from naa_lightning.records.csv_text import csv_text
from naa_lightning.report.sweep.table import SweepTable, read_sweep_table
from naa_lightning.report.sweep.wording import DAGGER, PLUS_MINUS, legend, remarks, texts
from naa_lightning.report.wording import NONE, sentence

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
    """Write one line per cell, shares in [0, 1]; what is unknown is empty, and lists have "; " between their parts.

    Names that a spreadsheet would run as a formula have an apostrophe before them.
    """
    described = table.rows[["surrogate", "attack", "setting", "data", "rate"]]
    lines = table.cells.rename(columns={"column": "target"})
    lines = described.merge(lines, left_index=True, right_on="row").drop(columns="row")
    flags = lines.select_dtypes(bool).columns
    lines[flags] = lines[flags].astype(str).apply(lambda texts: texts.str.lower())
    lines["left_out"] = lines.left_out.map(_reasons, na_action="ignore")
    lines["targets"] = lines.targets.map("; ".join, na_action="ignore")
    return csv_text(lines.astype({"better": "Int64", "worse": "Int64"}))


def to_markdown(table: SweepTable) -> str:
    """Write a pipe table with its legend above and its remarks below."""
    body = texts(table, best="**{}**", star="\\*", name=_in_markdown)
    align = ("left",) * body.index.nlevels + ("right",) * body.shape[1]
    shown = body.reset_index(allow_duplicates=True).to_markdown(index=False, colalign=align, disable_numparse=True)
    explained = " ".join(_in_markdown(f"{sentence(part)}.") for part in legend(table, best="Bold"))
    noted = "\n".join(f"- {_in_markdown(remark)}" for remark in remarks(table))
    return "\n\n".join([explained, shown, noted]) + "\n"


def to_latex(table: SweepTable) -> str:
    """Write a table that needs the package booktabs."""
    body = texts(table, best=r"\textbf{{{}}}", star="$^{*}$", interval=r" {{\scriptsize ({})}}", name=_in_latex).map(
        lambda text: text.translate(_SIGNS)
    )
    shown = (
        body.reset_index(allow_duplicates=True)
        .style.hide(axis=0)
        .to_latex(
            hrules=True,
            caption=_in_latex(" ".join(f"{sentence(part)}." for part in [*legend(table, best="Bold"), *table.notices])),
            position_float="centering",
            column_format="l" * body.index.nlevels + "r" * body.shape[1],
        )
    )
    return f"% needs \\usepackage{{booktabs}}\n{shown}"


def _reasons(left_out: dict[str, Any]) -> str:
    return "; ".join(f"{name}: {reason}" for name, reason in left_out.items())


def _in_markdown(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|#~&])", r"\\\1", " ".join(text.split()))


def _in_latex(text: str) -> str:
    return " ".join(text.split()).translate(_LATEX)
