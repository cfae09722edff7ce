"""The figure of attention: where models look on a clean image and on its adversarial one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from naa_lightning.modules.attention import Attention
from naa_lightning.records import Prediction, SavedPairs
from naa_lightning.report.grid import Grid, fitted, save_figure
from naa_lightning.report.panel import QUIET, predicted, true_class

MODELS = 5
"""At most so many models are shown beside each other."""

_CELL = 2.2
_TEXT = 10.0


@dataclass(frozen=True)
class AttentionColumn:
    """One model's part of the figure.

    Args:
        prediction: The model's predictions for the clean and the adversarial image.
        attention: The model's attention for the classes that it predicts.
        surrogate: Whether the model was attacked.
    """

    prediction: Prediction
    attention: Attention
    surrogate: bool


def draw_attentions(
    folder: Path,
    pairs: SavedPairs,
    predictions: Sequence[Prediction],
    attentions: Mapping[str, Mapping[int, Attention]],
    *,
    white_box: Sequence[str],
    names: Sequence[str] | None = None,
) -> None:
    """Draw every image's figure to `figures/attention-<id>.png` in a run's folder.

    Args:
        folder: The run's folder.
        pairs: The clean and adversarial images; those without any model's attention get no figure.
        predictions: The predictions of all targets.
        attentions: The attention by the target's name and the image's id.
        white_box: The names of the attacked targets.
        names: The names of the classes, by class; None where they are unknown.
    """
    for index in range(len(pairs)):
        pair = pairs[index]
        image = int(pair["id"])
        columns = [
            AttentionColumn(row, attentions[row.target][image], row.target in white_box)
            for row in predictions
            if row.id == image and image in attentions.get(row.target, {})
        ]
        if columns:
            figure = attention_figure(pair["clean"], pair["adversarial"], columns, names=names)
            save_figure(figure, folder / "figures" / f"attention-{image:05d}.png")


def attention_figure(
    clean: Tensor, adversarial: Tensor, columns: Sequence[AttentionColumn], *, names: Sequence[str] | None = None
) -> Figure:
    """Draw a clean image above its adversarial one, and beside them where each model looks.

    A model's two maps share a scale, so that they can be compared; those of two models cannot.

    Args:
        clean: The clean image of shape (3, H, W) in [0, 1].
        adversarial: The adversarial image of the same shape and range.
        columns: The models, at least one; `MODELS` of them are shown, surrogates first, then the fooled targets.
        names: The names of the classes, by class; None where they are unknown.
    """
    shown = sorted(columns, key=lambda column: (not column.surrogate, not column.prediction.success))[:MODELS]
    grid = Grid((2, 1 + len(shown)), clean, cell=_CELL, top=1.1, right=1.0, left=0.4, title=0.32)
    _write_head(grid, shown[0].prediction, names, (len(shown), len(columns)))
    images = (clean, adversarial)
    for row, label in enumerate(("clean", "adversarial")):
        grid.label_row(row, label)
        axes = grid.show(row, 0, images[row])
    changed = round(float((adversarial - clean).abs().max()) * 255)
    _write_title(axes, f"changed by at most {changed}/255", "black")
    for place, column in enumerate(shown, start=1):
        middle = grid.place(0, place)[0] + _CELL / 2
        grid.write(middle, 0.9, "surrogate" if column.surrogate else "target", 9, color=QUIET, ha="center")
        name = fitted(column.prediction.target, _CELL, _TEXT, weight="bold")
        grid.write(middle, 1.09, name, _TEXT, weight="bold", ha="center")
        for row, shares in enumerate(_shares(column.attention)):
            axes = grid.show(row, place, _faded(images[row]))
            _lay_over(axes, shares, images[row])
            _write_title(axes, *predicted(column.prediction, names, _CELL, _TEXT, adversarial=row == 1))
    bar = grid.figure.colorbar(ScalarMappable(cmap=_on_grey(_COLOURS)), cax=grid.bar())
    bar.set_label("attention, share of the model's largest", fontsize=_TEXT)
    return grid.figure


def _write_head(grid: Grid, prediction: Prediction, names: Sequence[str] | None, models: tuple[int, int]) -> None:
    title = f"image {prediction.id}, {true_class(prediction, names)}: {prediction.file}"
    grid.write(0.15, 0.3, fitted(title, grid.width - 0.3, 13), 13)
    shown, known = models
    part = f"; {shown} of {known} models" if shown < known else ""
    note = f"where each model looks for the class that it predicts; \N{BALLOT X}: not the true class{part}"
    grid.write(0.15, 0.55, fitted(note, grid.width - 0.3, _TEXT), _TEXT, color=QUIET)


def _write_title(axes: Axes, title: str, colour: str) -> None:
    axes.set_title(title, fontsize=_TEXT, color=colour, pad=4, parse_math=False)


def _shares(attention: Attention) -> tuple[Tensor, Tensor]:
    """Divide both maps by the larger of their maxima."""
    largest = max(float(attention.clean.max()), float(attention.adversarial.max())) or 1.0
    return attention.clean / largest, attention.adversarial / largest


def _faded(image: Tensor) -> Tensor:
    """Return an image (3, H, W) in grey, black and white drawn in to leave room for colours."""
    grey = 0.299 * image[0] + 0.587 * image[1] + 0.114 * image[2]
    return (0.2 + 0.7 * grey).expand(3, -1, -1)


def _lay_over(axes: Axes, shares: Tensor, image: Tensor) -> None:
    """Draw a map (h, w) of shares over an image that axes show; the larger a share, the less it lets through."""
    upsampled = F.interpolate(shares[None, None], size=image.shape[-2:], mode="bilinear", align_corners=False)
    axes.imshow(np.asarray(upsampled[0, 0]), cmap=_COLOURS, vmin=0, vmax=1, interpolation="nearest")


def _translucent() -> ListedColormap:
    shares = np.linspace(0, 1, 256)
    colours = colormaps["plasma"](shares)
    colours[:, 3] = 0.8 * shares**0.7
    return ListedColormap(colours)


def _on_grey(translucent: ListedColormap) -> ListedColormap:
    """Return what translucent colours look like on mid-grey."""
    colours = translucent(np.linspace(0, 1, 256))
    opacity = colours[:, 3:]
    return ListedColormap(opacity * colours[:, :3] + (1 - opacity) * 0.5)


_COLOURS = _translucent()
