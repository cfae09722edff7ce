"""Clean image, adversarial image and their amplified difference, side by side."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from naa_lightning.evaluation import SavedPairs
from naa_lightning.records import Prediction


def draw_panels(
    folder: Path, pairs: SavedPairs, predictions: Sequence[Prediction], *, white_box: Sequence[str], count: int
) -> None:
    """Draw the first `count` images' panels to `figures/panel-<id>.png` in a run's folder.

    Args:
        folder: Of the run.
        pairs: Clean and adversarial images.
        predictions: Every target's answers, a white-box target's first.
        white_box: Names of the targets that were attacked.
        count: How many images.
    """
    for index in range(min(count, len(pairs))):
        pair = pairs[index]
        image = int(pair["id"])
        rows = [row for row in predictions if row.id == image]
        path = folder / "figures" / f"panel-{image:05d}.png"
        draw_panel(path, pair["clean"], pair["adversarial"], rows, white_box)


def draw_panel(
    path: Path, clean: Tensor, adversarial: Tensor, predictions: Sequence[Prediction], white_box: Sequence[str]
) -> None:
    """Draw one image's panel to a PNG file, the difference amplified to fill the range around mid-grey.

    Args:
        path: Of the file.
        clean: (3, H, W) in [0, 1].
        adversarial: As clean.
        predictions: Of all targets for this image, a white-box target's first, which is quoted.
        white_box: Names of the targets that were attacked.
    """
    surrogate = predictions[0]
    wrong = [row.adversarial_prediction != row.label for row in predictions if row.target not in white_box]
    difference = adversarial - clean
    largest = float(difference.abs().max())
    amplification = 0.5 / largest if largest else 1.0
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    aim = "" if surrogate.target_class is None else f", aimed at class {surrogate.target_class}"
    figure.suptitle(
        f"image {surrogate.id}, class {surrogate.label}{aim}: wrong on {sum(wrong)} of {len(wrong)} black-box targets",
        fontsize=11,
    )
    panels = (clean, adversarial, (0.5 + amplification * difference).clamp(0, 1))
    titles = (
        f"clean\n{surrogate.target}: class {surrogate.clean_prediction} ({surrogate.clean_confidence:.0%})",
        f"adversarial\n{surrogate.target}: class {surrogate.adversarial_prediction} "
        f"({surrogate.adversarial_confidence:.0%})",
        f"difference x {amplification:.3g}\nlargest {round(largest * 255)}/255",
    )
    for axes, image, title in zip(figure.subplots(1, 3), panels, titles, strict=True):
        axes.imshow(np.asarray(image.permute(1, 2, 0)), interpolation="nearest")
        axes.set_title(title, fontsize=9)
        axes.set_axis_off()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
