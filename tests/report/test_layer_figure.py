from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from naa_lightning.report.layer_figure import draw_layers, layers_figure
from tests.report.cases import LONG_LAYER_NAMES, layer_results


def drawn(figure: Figure, groups: Sequence[Sequence[Text]]) -> list[npt.NDArray[np.bool_]]:
    """Where each group of texts puts ink, by drawing the figure without all of them and then with one."""

    def pixels() -> npt.NDArray[np.uint8]:
        figure.canvas.draw()
        return np.asarray(figure.canvas.buffer_rgba()).copy()  # type: ignore[attr-defined]

    figure.canvas.draw()
    figure.set_layout_engine("none")  # what it laid out stays
    for text in (text for group in groups for text in group):
        text.set_alpha(0)  # keeps its place, as an invisible one would not
    empty, masks = pixels(), []
    for group in groups:
        for text in group:
            text.set_alpha(1)
        masks.append((pixels() != empty).any(2))
        for text in group:
            text.set_alpha(0)
    return masks


@pytest.mark.parametrize("layers", [1, 12, 30])
def test_every_name_can_be_read(layers: int) -> None:
    """No name is cut off by the figure's edge, and none lies over one of the next two or over a title."""
    names = [LONG_LAYER_NAMES[number % 12] for number in range(layers)]
    figure = layers_figure(layer_results(names))
    (axes,) = figure.axes
    (above,) = axes.child_axes
    below, over = axes.get_xticklabels(), above.get_xticklabels()
    assert [text.get_text() for text in below] == names
    thirds = [texts[start::3] for texts in (below, over) for start in range(min(3, layers))]
    masks = drawn(figure, [*thirds, [axes.xaxis.label], [above.xaxis.label], [axes.title]])
    for mask in masks:
        assert mask.any()
        assert not mask[[0, -1]].any()
        assert not mask[:, [0, -1]].any()
    for one, other in combinations(masks, 2):
        assert not (one & other).any()


def test_the_legend_lies_beside_the_curve() -> None:
    figure = layers_figure(layer_results(LONG_LAYER_NAMES))
    figure.canvas.draw()
    (legend,) = figure.legends
    assert legend.get_window_extent().x0 > figure.axes[0].get_window_extent().x1
    assert legend.get_window_extent().x1 <= figure.bbox.x1
    assert [text.get_text() for text in legend.get_texts()] == [
        "black-box mean",
        "its 95 % interval",
        "recommended",
        "as good (paired 95 %)",
        "worse (paired 95 %)",
        "source (white-box)",
        "first",
        "second",
    ]


def test_curves_are_the_results(tmp_path: Path) -> None:
    results: dict[str, Any] = layer_results(["a", "b", "c"])
    results["layers"][1]["targets"]["second"]["value"] = None
    axes = layers_figure(results).axes[0]
    lines = {str(line.get_label()): line for line in axes.get_lines()}

    def heights(label: str) -> list[float]:
        return [float(height) for height in np.asarray(lines[label].get_ydata())]

    assert heights("black-box mean") == [100 * layer["black_box_mean"]["value"] for layer in results["layers"]]
    assert heights("first") == [100 * layer["targets"]["first"]["value"] for layer in results["layers"]]
    assert np.isnan(heights("second")).tolist() == [False, True, False]
    (recommended,) = (n for n, layer in enumerate(results["layers"]) if layer["verdict"] == "recommended")
    assert np.asarray(lines["recommended"].get_xdata()).tolist() == [recommended]
    assert heights("recommended") == [heights("black-box mean")[recommended]]
    bold = [label.get_text() for label in axes.get_xticklabels() if label.get_fontweight() == "bold"]
    assert bold == [results["recommended"]]
    above = axes.child_axes[0].get_xticklabels()
    assert [text.get_text() for text in above] == ["33", "67", "100"]
    path = draw_layers(tmp_path, results)
    assert path == tmp_path / "figures" / "layers.png"
    assert Image.open(path).size[0] > 500


def test_results_in_which_no_image_counts_are_drawn(tmp_path: Path) -> None:
    results: dict[str, Any] = layer_results(["a", "b"])
    for layer in results["layers"]:
        layer["verdict"] = None
        for estimate in (layer["black_box_mean"], layer["difference"], *layer["targets"].values()):
            estimate.update(value=None, low=None, high=None)
    assert draw_layers(tmp_path, results).is_file()
