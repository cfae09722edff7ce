"""The table of a sweep as files."""

from collections.abc import Sequence
from pathlib import Path

from naa_lightning.atomic import write_whole
from naa_lightning.report.sweep.csv_file import to_csv
from naa_lightning.report.sweep.folder import read_sweep
from naa_lightning.report.sweep.heat_map import heat_map
from naa_lightning.report.sweep.latex import to_latex
from naa_lightning.report.sweep.markdown import to_markdown
from naa_lightning.report.sweep.summarise import summarise_sweep
from naa_lightning.report.sweep.summary import HEAT_MAP, Summary


def write_summary(folder: Path, runs: Sequence[Path], baseline: str | None = None) -> Summary:
    """Write `summary.csv`, `summary.md`, `summary.tex` and `heatmap.png` into a sweep's folder.

    Args:
        folder: The sweep's folder.
        runs: The folders of its runs, finished or not; nothing is written where none is.
        baseline: The attack, setting or both of the baseline; None for the one that the runs name.

    Returns:
        The table.
    """
    summary = summarise_sweep(read_sweep(runs), baseline)
    if summary.rows:
        write_whole(folder / "summary.csv", to_csv(summary))
        write_whole(folder / "summary.md", to_markdown(summary))
        write_whole(folder / "summary.tex", to_latex(summary))
        write_whole(folder / HEAT_MAP, heat_map(summary))
    return summary
