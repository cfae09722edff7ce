"""Figures of images in a grid, with text that fits."""

from bisect import bisect_right
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from torch import Tensor

_DPI = 120
_RULER = Figure(dpi=_DPI)
FigureCanvasAgg(_RULER)


class Grid:
    """A figure of equal cells that hold images, with room for text; all lengths are in inches, from the upper left.

    Args:
        shape: Number of rows and of columns.
        image: An image of shape (3, H, W) whose proportions cells take over.
        cell: Width of a cell.
        top: Room above the first row.
        right: Room beside the last column.
        left: Room beside the first column.
        title: Room above every cell, for its title.

    Attributes:
        figure: The figure that is drawn on.
        width: Width of the figure.
        height: Height of the figure.
        cell: Width and height of a cell.
    """

    between = 0.14
    bottom = 0.15

    def __init__(
        self, shape: tuple[int, int], image: Tensor, *, cell: float, top: float, right: float, left: float, title: float
    ) -> None:
        rows, columns = shape
        self.cell = (cell, cell * min(1.6, max(0.6, image.shape[1] / image.shape[2])))
        self.left, self.right, self.top, self.title = left, right, top, title
        self.width = left + columns * cell + (columns - 1) * self.between + right
        self.height = top + rows * (title + self.cell[1]) + self.bottom
        self.figure = Figure(figsize=(self.width, self.height), dpi=_DPI)
        FigureCanvasAgg(self.figure)

    def place(self, row: int, column: int) -> tuple[float, float]:
        """Return the upper left corner of a cell."""
        left = self.left + column * (self.cell[0] + self.between)
        return left, self.top + self.title + row * (self.title + self.cell[1])

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Add axes."""
        return self.figure.add_axes(
            (left / self.width, 1 - (top + height) / self.height, width / self.width, height / self.height)
        )

    def show(self, row: int, column: int, image: Tensor) -> Axes:
        """Add a cell that shows an image (3, H, W) in [0, 1]."""
        axes = self.axes(*self.place(row, column), *self.cell)
        axes.imshow(np.asarray(image.permute(1, 2, 0)), interpolation="nearest")
        axes.set_axis_off()
        return axes

    def write(self, left: float, top: float, text: str, size: float, **style: Any) -> None:
        """Write a line of text, given the left end of its base line."""
        self.figure.text(left / self.width, 1 - top / self.height, text, fontsize=size, parse_math=False, **style)

    def label_row(self, row: int, text: str) -> None:
        """Write a label beside a row."""
        middle = self.place(row, 0)[1] + self.cell[1] / 2
        self.write(self.left / 2, middle, text, 12, rotation=90, ha="center", va="center")

    def bar(self) -> Axes:
        """Add axes for a colour bar beside all rows."""
        top = self.place(0, 0)[1]
        return self.axes(self.width - self.right + 0.12, top, 0.16, self.height - self.bottom - top)


def fitted(text: str, inches: float, size: float, *, weight: str = "normal", tail: str = "") -> str:
    """Return text with its tail as one line, cut before the tail so that the line fits.

    Args:
        text: The text to cut.
        inches: Room for the line in inches.
        size: Size of the font in points.
        weight: Weight of the font.
        tail: The end of the line, which is never cut.

    Example:
        >>> fitted("black-footed ferret", 1.0, 9, tail=", 97 %")
        'black-f…, 97 %'
    """
    text = " ".join(text.split())

    def width(line: str) -> float:
        # at the figures' own resolution: a font's letters have other widths at another one
        drawn = Text(text=line, fontsize=size, fontweight=weight, parse_math=False)
        drawn.set_figure(_RULER)
        return drawn.get_window_extent().width / _DPI

    def cut(length: int) -> str:
        return text[:length].rstrip() + "…" + tail

    if width(text + tail) <= inches:
        return text + tail
    fitting = bisect_right(range(len(text)), inches, key=lambda length: width(cut(length)))
    return cut(fitting - 1) if fitting else tail


def save_figure(figure: Figure, path: Path) -> None:
    """Save a figure to a PNG file, in a folder that is made for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=_DPI)
