"""The panel of a notebook: images, what was added to them, and where a class is seen in them."""

from bisect import bisect_right
from collections.abc import Sequence
from io import BytesIO

import numpy as np
from captum.attr import visualization
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from naa_lightning.class_names import short_class_name
from naa_lightning.library.pairs import Pairs
from naa_lightning.models.predicted_classes import PredictedClasses

_HEADS = ("clean", "adversarial", "difference", "attribution, clean", "attribution, adversarial")
_WRONG = "#c00000"
_FONT = 9.5
_CELL, _BETWEEN, _HEAD, _LINE, _MARGIN = 2.1, 0.12, 0.16, 0.28, 0.12  # in inches
_TYPE, _ROOM = FontProperties(size=_FONT), 0.97 * _CELL  # letters are drawn a little wider than they are measured


class Panel(Figure):
    """A figure that a notebook shows where it is the value of a cell, and that nothing shows otherwise."""

    def _repr_png_(self) -> bytes:
        file = BytesIO()
        self.savefig(file, format="png")
        return file.getvalue()


def draw_panel(
    pairs: Pairs,
    predictions: Sequence[PredictedClasses],
    maps: Sequence[Tensor],
    note: str,
    names: Sequence[str] | None = None,
) -> Panel:
    """Draw one row per image, in cells of one size.

    Args:
        pairs: Clean and adversarial images, and the classes that are meant, negative for none.
        predictions: The predicted classes of the clean and of the adversarial images.
        maps: Attribution by place, (B, h, w) on the clean and on the adversarial images; none to draw none.
        note: A line of text below all rows.
        names: The names of the classes, by class; None where they are unknown.
    """
    clean, adversarial, classes = (values.cpu() for values in pairs)
    size = clean.shape[-2:]
    figure, cells = _grid(len(clean), 3 + len(maps), size[0] / size[1], note)
    difference = adversarial - clean
    whole = [F.interpolate(values.cpu()[:, None], size, mode="bilinear")[:, 0] for values in maps]
    for row, axes in enumerate(cells):
        largest = float(difference[row].abs().max())
        amplified = 0.5 + 0.5 * difference[row] / (largest or 1.0)
        for cell, image in zip(axes, (clean[row], adversarial[row], amplified), strict=False):
            cell.imshow(_pixels(image), interpolation="nearest")
        for cell, prediction in zip(axes, predictions, strict=False):
            _write_prediction(cell, prediction, row, int(classes[row]), names)
        _write(axes[2], f"largest {255 * largest:.3g}/255")
        if maps:
            _draw_maps(axes[3:], (clean[row], adversarial[row]), [values[row] for values in whole])
        for cell, values in zip(axes[3:], maps, strict=True):
            total = f"{float(values[row].sum()):.2g}".replace("-", "\N{MINUS SIGN}")
            _write(cell, _fitted("for ", short_class_name(names, int(classes[row])), f": {total}"))
    return figure


def _grid(rows: int, columns: int, proportion: float, note: str) -> tuple[Panel, NDArray[np.object_]]:
    """Return a figure with its heads and note, and the axes of its cells, (rows, columns)."""
    height = _CELL * min(1.6, max(0.6, proportion))
    full_width = columns * (_CELL + _BETWEEN) - _BETWEEN + 2 * _MARGIN
    above, below = _MARGIN + _HEAD, _MARGIN + _LINE
    full_height = above + rows * (_LINE + height) + below
    figure = Panel(figsize=(full_width, full_height), dpi=100)
    FigureCanvasAgg(figure)
    figure.subplots_adjust(
        left=_MARGIN / full_width,
        right=1 - _MARGIN / full_width,
        top=1 - (above + _LINE) / full_height,
        bottom=below / full_height,
        wspace=_BETWEEN / _CELL,
        hspace=_LINE / height,
    )
    for column, head in enumerate(_HEADS[:columns]):
        middle = _MARGIN + _CELL / 2 + column * (_CELL + _BETWEEN)
        figure.text(middle / full_width, 1 - above / full_height, head, ha="center", fontsize=_FONT, fontweight="bold")
    figure.text(_MARGIN / full_width, _MARGIN / full_height, note, fontsize=_FONT, parse_math=False)
    return figure, figure.subplots(rows, columns, squeeze=False, subplot_kw={"xticks": [], "yticks": []})


def _write(cell: Axes, text: str, colour: str = "black") -> None:
    cell.set_title(text, fontsize=_FONT, color=colour, pad=4, parse_math=False)


def _fitted(before: str, name: str, after: str) -> str:
    """Return a line of three parts, the name cut so that the line fits a cell."""
    name = " ".join(name.split())

    def width(line: str) -> float:
        return text_to_path.get_text_width_height_descent(line, _TYPE, ismath=False)[0] / 72

    def cut(length: int) -> str:
        return f"{before}{name[:length].rstrip()}…{after}"

    if width(before + name + after) <= _ROOM:
        return before + name + after
    return cut(max(0, bisect_right(range(len(name)), _ROOM, key=lambda length: width(cut(length))) - 1))


def _write_prediction(
    cell: Axes, prediction: PredictedClasses, row: int, expected: int, names: Sequence[str] | None
) -> None:
    predicted, confidence = int(prediction.classes[row]), float(prediction.confidence[row])
    if predicted < 0:
        _write(cell, "no answer")
        return
    mark, colour = ("", "black") if predicted == expected else ("\N{BALLOT X} ", _WRONG)
    _write(cell, _fitted(mark, short_class_name(names, predicted), f", {100 * confidence:.0f} %"), colour)


def _draw_maps(cells: Sequence[Axes], images: Sequence[Tensor], maps: Sequence[Tensor]) -> None:
    """Draw maps over images; captum scales by all that it draws, so each cell shows its part of one picture."""
    picture = np.concatenate([_pixels(image) for image in images], axis=1)
    values = np.concatenate([np.asarray(part) for part in maps], axis=1)
    largest = float(np.abs(values).max())
    width = images[0].shape[-1]
    for number, cell in enumerate(cells):
        if 0 < largest < np.inf:
            visualization.visualize_image_attr(
                values / largest,
                picture,
                method="blended_heat_map",
                sign="all",
                cmap="RdBu_r",
                alpha_overlay=0.6,
                plt_fig_axis=(cell.figure, cell),
                use_pyplot=False,
            )
        else:
            cell.imshow(picture.mean(2), cmap="gray")
        cell.set_xlim(number * width - 0.5, (number + 1) * width - 0.5)


def _pixels(image: Tensor) -> NDArray[np.floating]:
    return np.asarray(image.permute(1, 2, 0))
