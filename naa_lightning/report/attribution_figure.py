"""The figure of attribution over the attacked layer, on a clean image and on its adversarial one."""

from collections.abc import Sequence

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from torch import Tensor

from naa_lightning.attribution import spatial_map
from naa_lightning.report.grid import Grid, fitted

# Blue is against, white is 0, red is for.
_COLOURS = LinearSegmentedColormap.from_list(
    "against_and_for",
    ["#053061", "#2166ac", "#4393c3", "#a7d0e4", "white", "#f7b799", "#d6604d", "#b2182b", "#67001f"],
)


def attribution_figure(title: str, images: tuple[Tensor, Tensor], attributions: tuple[Tensor, Tensor]) -> Figure:
    """Draw a clean image above its adversarial one, and beside them their positive and negative attribution.

    Each is summed over the neurons at a place; all four maps share a scale.

    Args:
        title: The title of the figure.
        images: The clean and the adversarial image, each of shape (3, H, W) in [0, 1].
        attributions: The attribution of either image, of the shape of the layer's output: (C, h, w), (h, w, C) or
            tokens (T, C).

    Raises:
        ValueError: The layer's neurons lie nowhere in the image.
    """
    maps = [_signed_maps(attribution, images[0].shape[-2:]) for attribution in attributions]
    largest = max(float(values.abs().max()) for signs in maps for values in signs) or 1.0
    scale = Normalize(-largest, largest)
    grid = Grid((2, 3), images[0], cell=2.6, top=0.5, right=1.1, left=0.4, title=0.35)
    grid.write(0.15, 0.3, fitted(title, grid.width - 0.3, 13), 13)
    height, width = images[0].shape[-2:]
    for row, label in enumerate(("clean", "adversarial")):
        grid.label_row(row, label)
        grid.show(row, 0, images[row])
        for column, (sign, values) in enumerate(zip(("positive", "negative"), maps[row], strict=True), start=1):
            axes = grid.axes(*grid.place(row, column), *grid.cell)
            axes.imshow(
                np.asarray(values), cmap=_COLOURS, norm=scale, extent=(0, width, height, 0), interpolation="nearest"
            )
            axes.set(xticks=[], yticks=[])
            total = f"{float(values.sum()):.3g}".replace("-", "\N{MINUS SIGN}")
            axes.set_title(f"{sign}, sum {total}", fontsize=11, pad=4)
    bar = grid.figure.colorbar(ScalarMappable(norm=scale, cmap=_COLOURS), cax=grid.bar())
    bar.set_label("attribution, summed over the neurons at a place", fontsize=10)
    return grid.figure


def _signed_maps(attribution: Tensor, size: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Return the positive and the negative attribution at each place, (h, w) each."""
    values = attribution[None]
    return spatial_map(values.clamp_min(0), size)[0], spatial_map(values.clamp_max(0), size)[0]
