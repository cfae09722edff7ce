"""The panel of an image: clean, adversarial and their amplified difference, side by side."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from torch import Tensor

from naa_lightning.data import class_name, short_class_name
from naa_lightning.records import Prediction, SavedPairs
from naa_lightning.report.grid import Grid, fitted, save_figure

WRONG = "#c00000"
"""The colour of a prediction that is not the true class, which also carries a cross."""

QUIET = "#555555"
"""The colour of explanations."""

_CELL = 2.8
_LINE = 0.2


def draw_panels(
    folder: Path,
    pairs: SavedPairs,
    predictions: Sequence[Prediction],
    *,
    white_box: Sequence[str],
    names: Sequence[str] | None = None,
) -> None:
    """Draw images' panels to `figures/panel-<id>.png` in a run's folder.

    Args:
        folder: The run's folder.
        pairs: The clean and adversarial images.
        predictions: The predictions of all targets, those of a white-box target first.
        white_box: The names of the attacked targets.
        names: The names of the classes, by class; None where they are unknown.
    """
    for pair in (pairs[index] for index in range(len(pairs))):
        image = int(pair["id"])
        rows = [row for row in predictions if row.id == image]
        figure = panel_figure(pair["clean"], pair["adversarial"], rows, white_box, names=names)
        save_figure(figure, folder / "figures" / f"panel-{image:05d}.png")


def panel_figure(
    clean: Tensor,
    adversarial: Tensor,
    predictions: Sequence[Prediction],
    white_box: Sequence[str],
    *,
    names: Sequence[str] | None = None,
) -> Figure:
    """Draw one image's panel, the difference amplified to fill the range around mid-grey.

    Args:
        clean: The clean image of shape (3, H, W) in [0, 1].
        adversarial: The adversarial image of the same shape and range.
        predictions: The predictions of all targets for this image; the first one, of a white-box target, is quoted.
        white_box: The names of the attacked targets.
        names: The names of the classes, by class; None where they are unknown.
    """
    quoted = predictions[0]
    wrong = [row.wrong for row in predictions if row.target not in white_box]
    difference = adversarial - clean
    largest = float(difference.abs().max())
    amplification = 0.5 / largest if largest else 1.0
    grid = Grid((1, 3), clean, cell=_CELL, top=0.65, right=0.15, left=0.15, title=0.5)
    fooled = f": wrong on {sum(wrong)} of {len(wrong)} black-box targets" if wrong else ""
    title = fitted(f"image {quoted.id}, {true_class(quoted, names)}", grid.width - 0.3, 13, tail=fooled)
    grid.write(0.15, 0.3, title, 13)
    explained = "; \N{BALLOT X}: not the true class"
    note = fitted(f"predictions of {quoted.target}", grid.width - 0.3, 10, tail=explained)
    grid.write(0.15, 0.55, note, 10, color=QUIET)
    panels = (clean, adversarial, (0.5 + amplification * difference).clamp(0, 1))
    heads = ("clean", "adversarial", f"difference \N{MULTIPLICATION SIGN} {amplification:.3g}")
    captions = (
        predicted(quoted, names, _CELL, 11, adversarial=False),
        predicted(quoted, names, _CELL, 11, adversarial=True),
        (f"largest {round(largest * 255)}/255", "black"),
    )
    for column, (image, head, (caption, colour)) in enumerate(zip(panels, heads, captions, strict=True)):
        axes = grid.show(0, column, image)
        axes.set_title(caption, fontsize=11, color=colour, pad=4, parse_math=False)
        left, top = grid.place(0, column)
        grid.write(left + _CELL / 2, top - 0.06 - _LINE, head, 11, ha="center")
    return grid.figure


def true_class(prediction: Prediction, names: Sequence[str] | None) -> str:
    """Name an image's true class, and the target class of a targeted attack."""
    target_class = prediction.target_class
    aimed_at = "" if target_class is None else f", aimed at {class_name(names, target_class)}"
    return f"{class_name(names, prediction.label)}{aimed_at}"


def predicted(
    prediction: Prediction, names: Sequence[str] | None, inches: float, size: float, *, adversarial: bool
) -> tuple[str, str]:
    """Return a predicted class with its probability as one line of text that fits, and the text's colour.

    Args:
        prediction: The predictions of a target for an image.
        names: The names of the classes, by class; None where they are unknown.
        inches: Room for the text in inches.
        size: Size of the font in points.
        adversarial: Whether to write the prediction for the adversarial image, or else for the clean one.
    """
    index = prediction.adversarial_prediction if adversarial else prediction.clean_prediction
    confidence = prediction.adversarial_confidence if adversarial else prediction.clean_confidence
    if index < 0:
        return "no answer", QUIET
    right = index == prediction.label
    text = short_class_name(names, index)
    line = fitted(text if right else f"\N{BALLOT X} {text}", inches, size, tail=f", {100 * confidence:.0f} %")
    return line, "black" if right else WRONG
