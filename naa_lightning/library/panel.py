"""The panel of a notebook: images, what was added to them, and where a class is seen in them."""

from bisect import bisect_left
from collections.abc import Sequence
from io import BytesIO

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path
from torch import Tensor

from naa_lightning.attribution.overlay import attribution_overlay, attribution_scale
from naa_lightning.class_names import short_class_name
from naa_lightning.library.pairs import Pairs
from naa_lightning.models.predicted_classes import PredictedClasses

_HEADS = ("clean", "adversarial", "difference", "attribution, clean", "attribution, adversarial")
_FONT = 9.5
_CELL, _LINE = 2.2, 0.3  # in inches
_TYPE, _ROOM = FontProperties(size=_FONT), 0.9 * _CELL  # the layout takes some; letters are wider than measured


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
    columns = 3 + len(maps)
    height = _CELL * min(1.6, max(0.6, clean.shape[2] / clean.shape[3]))
    size = (columns * _CELL, len(clean) * (height + _LINE) + 2 * _LINE)
    figure = Panel(figsize=size, dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    figure.supxlabel(note, x=0.01, ha="left", fontsize=_FONT, parse_math=False)
    cells = figure.subplots(len(clean), columns, squeeze=False, subplot_kw={"xticks": [], "yticks": []})
    for cell, head in zip(cells[0], _HEADS, strict=False):
        cell.set_title(head, fontsize=_FONT, fontweight="bold")
    for row, axes in enumerate(cells):
        images, difference = (clean[row], adversarial[row]), adversarial[row] - clean[row]
        largest, meant = float(difference.abs().max()), int(classes[row])
        for cell, image in zip(axes, (*images, 0.5 + 0.5 * difference / (largest or 1.0)), strict=False):
            cell.imshow(image.permute(1, 2, 0).numpy(), interpolation="nearest")
        for cell, prediction in zip(axes, predictions, strict=False):
            _write_prediction(cell, int(prediction.classes[row]), float(prediction.confidence[row]), meant, names)
        _write(axes[2], f"largest {255 * largest:.3g}/255")
        attributions = [values[row].cpu() for values in maps]
        scale = attribution_scale(attributions) if maps else 0.0
        for cell, image, attribution in zip(axes[3:], images, attributions, strict=False):
            cell.imshow(attribution_overlay(image, attribution, scale), interpolation="nearest")
            total = f"{float(attribution.sum()):.2g}".replace("-", "\N{MINUS SIGN}")
            _write(cell, _fitted("for ", short_class_name(names, meant), f": {total}"))
    return figure


def _write(cell: Axes, text: str, colour: str = "black") -> None:
    cell.set_xlabel(text, fontsize=_FONT, color=colour, parse_math=False)


def _fitted(before: str, name: str, after: str) -> str:
    """Return a line of three parts, the name cut so that the line fits a cell."""

    def fits(line: str) -> bool:
        return text_to_path.get_text_width_height_descent(line, _TYPE, ismath=False)[0] / 72 <= _ROOM

    def cut(letters: int) -> str:
        return f"{before}{name[:letters].rstrip()}…{after}"

    name = " ".join(name.split())
    if fits(before + name + after):
        return before + name + after
    return cut(bisect_left(range(1, len(name)), True, key=lambda letters: not fits(cut(letters))))


def _write_prediction(
    cell: Axes, predicted: int, confidence: float, expected: int, names: Sequence[str] | None
) -> None:
    if predicted < 0:
        _write(cell, "no answer")
        return
    mark, colour = ("", "black") if predicted == expected else ("\N{BALLOT X} ", "#c00000")
    _write(cell, _fitted(mark, short_class_name(names, predicted), f", {100 * confidence:.0f} %"), colour)
