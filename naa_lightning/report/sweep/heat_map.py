"""The table of a sweep in colours."""

import io
from collections.abc import Sequence
from typing import Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from naa_lightning.report.page.wording import percent, sentence
from naa_lightning.report.sweep.summary import Block, Cell, Column, Summary
from naa_lightning.report.sweep.wording import block_title, legend, rate_title

_COLOURS = colormaps["cividis"]  # read alike with any kind of colour vision
_CELL = (0.82, 0.36)  # inches
_BAR = (0.3, 0.2)  # distance and width of the bar of colours, inches
_LARGEST = 50.0  # inches
_GAP = 0.25  # between targets and means, in cells
_HEAD = 1.15  # above a surrogate's rows, in cells
_LONGEST = 26


def heat_map(summary: Summary) -> bytes:
    """Draw the table as a PNG file."""
    content = io.BytesIO()
    heat_map_figure(summary).savefig(content, dpi=120, format="png", bbox_inches="tight", pad_inches=0.15)
    return content.getvalue()


def heat_map_figure(summary: Summary) -> Figure:
    """Return rows against columns, a surrogate's rows under its name; the number stands in each cell."""
    across, down = _across(summary.columns), _down(summary.blocks)
    width, height = (across[-1] + 1 if across else 1.0), (down[-1][-1] + 1 if down else 1.0)
    inches = min(_LARGEST, _CELL[0] * width), min(_LARGEST, _CELL[1] * height)
    figure = Figure(figsize=(inches[0] + _BAR[0] + _BAR[1], inches[1]))
    FigureCanvasAgg(figure)
    share = inches[0] / figure.get_figwidth()
    axes = figure.add_axes((0, 0, share, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    for block, places in zip(summary.blocks, down, strict=True):
        _name_block(axes, summary, block, places[0])
        for row, place in zip(block.rows, places, strict=True):
            for cell, left in zip(row.cells, across, strict=True):
                _draw(axes, cell, left, place)
    _name_columns(axes, summary.columns, across)
    _name_rows(axes, summary, down)
    beside = figure.add_axes(
        ((inches[0] + _BAR[0]) / figure.get_figwidth(), 0, _BAR[1] / figure.get_figwidth(), 1 - _HEAD / height)
    )
    colours = ScalarMappable(Normalize(0, 100), _COLOURS)
    figure.colorbar(colours, cax=beside, label=f"{rate_title(summary)} in %")
    explained = legend(summary, best="bold", white_box="hatched")
    axes.set_xlabel("\n".join(sentence(part) for part in explained), fontsize=8, loc="left", parse_math=False)
    return figure


def _across(columns: Sequence[Column]) -> list[float]:
    """Return the left edge of each column; kinds stand apart."""
    edges, edge = [], 0.0
    for place, column in enumerate(columns):
        edge += _GAP if place and column.kind != columns[place - 1].kind else 0
        edges.append(edge)
        edge += 1
    return edges


def _down(blocks: Sequence[Block]) -> list[list[float]]:
    """Return the upper edges of each block's rows."""
    edges, edge = [], 0.0
    for block in blocks:
        edge += _HEAD
        edges.append([edge + place for place in range(len(block.rows))])
        edge += len(block.rows)
    return edges


def _draw(axes: Axes, cell: Cell, left: float, top: float) -> None:
    colour = "0.93" if cell.mean is None else _COLOURS(cell.mean)
    axes.add_patch(Rectangle((left, top), 1, 1, facecolor=colour, edgecolor="white", linewidth=1))
    dark = cell.mean is not None and cell.mean < 0.5
    if cell.white_box:
        line = "0.75" if dark else "0.35"
        axes.add_patch(Rectangle((left, top), 1, 1, fill=False, hatch="///", edgecolor=line, linewidth=0, alpha=0.45))
    if cell.mean is None:
        text = "failed" if cell.failed else ""
    else:
        text = percent(cell.mean) + ("*" if cell.differs else "")
    style: dict[str, Any] = {"ha": "center", "va": "center", "color": "white" if dark else "black"}
    middle = top + (0.5 if cell.spread is None else 0.36)
    axes.text(left + 0.5, middle, text, fontsize=9, weight="bold" if cell.best else "normal", **style)
    if cell.spread is not None:
        axes.text(left + 0.5, top + 0.76, f"\N{PLUS-MINUS SIGN} {percent(cell.spread)}", fontsize=6.5, **style)


def _name_block(axes: Axes, summary: Summary, block: Block, top: float) -> None:
    title = _shortened(block_title(summary, block), 2 * _LONGEST)
    axes.text(0, top - 0.15, title, ha="left", va="bottom", fontsize=10, weight="bold", parse_math=False)


def _name_columns(axes: Axes, columns: Sequence[Column], across: Sequence[float]) -> None:
    axes.xaxis.tick_top()
    names = [_shortened(column.name) for column in columns]
    axes.set_xticks([edge + 0.5 for edge in across], names, rotation=35, ha="left", rotation_mode="anchor", fontsize=9)
    for column, text in zip(columns, axes.get_xticklabels(), strict=True):
        text.set_parse_math(False)
        text.set_fontweight("bold" if column.kind == "mean" else "normal")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _name_rows(axes: Axes, summary: Summary, down: Sequence[Sequence[float]]) -> None:
    places = [place + 0.5 for places in down for place in places]
    axes.set_yticks(places, [_shortened(row.name, 2 * _LONGEST) for row in summary.rows], fontsize=9)
    for row, text in zip(summary.rows, axes.get_yticklabels(), strict=True):
        text.set_parse_math(False)
        text.set_fontstyle("italic" if row.is_baseline else "normal")


def _shortened(name: str, most: int = _LONGEST) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}\N{HORIZONTAL ELLIPSIS}"
