"""The figure of a study of layers: how well images transfer against the attacked layer."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from naa_lightning.report.grid import save_figure

Layers = Sequence[Mapping[str, Any]]

MEAN_COLOUR = "#173f7d"
RECOMMENDED_COLOUR = "#c2151b"
NAME_COLOURS = {"recommended": RECOMMENDED_COLOUR, "as good": "black"}
MARKERS: dict[str, dict[str, Any]] = {
    "recommended": {
        "marker": "*",
        "markersize": 18,
        "color": RECOMMENDED_COLOUR,
        "markeredgecolor": "white",
        "label": "recommended",
    },
    "as good": {"marker": "o", "markersize": 7, "color": MEAN_COLOUR, "label": "as good (paired 95 %)"},
    "worse": {
        "marker": "o",
        "markersize": 6,
        "color": "white",
        "markeredgecolor": MEAN_COLOUR,
        "label": "worse (paired 95 %)",
    },
}


def draw_layers(folder: Path, results: Mapping[str, Any]) -> Path:
    """Draw the curve of a study of layers.

    Args:
        folder: The run's folder.
        results: The content of `layers.json`.

    Returns:
        The path of the figure, `figures/layers.png` in the folder.
    """
    path = folder / "figures" / "layers.png"
    save_figure(layers_figure(results), path)
    return path


def layers_figure(results: Mapping[str, Any]) -> Figure:
    """Return the black-box mean with its interval, and each target's rate, over the layers.

    Layers stand in the order of the network at equal distances, so that names and points of those that follow each
    other closely can be told apart; where in the network each is stands above it.

    Args:
        results: The content of `layers.json`.
    """
    layers: Layers = results["layers"]
    longest = max(len(layer["name"]) for layer in layers)
    size = (max(5.0, 0.32 * len(layers)) + 3.2, 4.2 + 0.055 * longest)
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _draw_mean(axes, layers)
    _draw_targets(axes, layers, results["white_box"])
    _name_layers(axes, layers)
    axes.set_ylim(-3, 103)
    axes.set_ylabel(f"{results['rate'].replace('_', ' ')} in %")
    axes.grid(axis="y", alpha=0.3)
    axes.set_title(
        f"{results['attack']} on {results['surrogate']}, {results['images']} images of {results['data']}", fontsize=11
    )
    figure.legend(loc="outside right upper", fontsize=9, frameon=False)
    return figure


def _draw_mean(axes: Axes, layers: Layers) -> None:
    places = np.arange(len(layers))
    mean, low, high = (_percent([layer["black_box_mean"][key] for layer in layers]) for key in ("value", "low", "high"))
    axes.plot(places, mean, color=MEAN_COLOUR, linewidth=2.2, zorder=3, label="black-box mean")
    axes.fill_between(places, low, high, color=MEAN_COLOUR, alpha=0.15, linewidth=0, label="its 95 % interval")
    for verdict, style in MARKERS.items():
        chosen = [index for index, layer in enumerate(layers) if layer["verdict"] == verdict]
        if chosen:
            axes.plot(places[chosen], mean[chosen], linestyle="", zorder=4, **style)


def _draw_targets(axes: Axes, layers: Layers, white_box: Sequence[str]) -> None:
    for number, name in enumerate(layers[0]["targets"]):
        rates = _percent([layer["targets"][name]["value"] for layer in layers])
        white = name in white_box
        axes.plot(
            rates,
            color="0.5" if white else f"C{number % 10}",
            linestyle="--" if white else "-",
            linewidth=1,
            marker=".",
            markersize=4,
            alpha=0.7,
            label=f"{name} (white-box)" if white else name,
        )


def _name_layers(axes: Axes, layers: Layers) -> None:
    places, names = range(len(layers)), [layer["name"] for layer in layers]
    axes.set_xlim(-0.5, len(layers) - 0.5)
    axes.set_xlabel("attacked layer")
    axes.set_xticks(places, names, rotation=45, ha="right", rotation_mode="anchor", fontsize=9)
    for text, layer in zip(axes.get_xticklabels(), layers, strict=True):
        text.set_color(NAME_COLOURS.get(layer["verdict"], "0.4"))
        text.set_fontweight("bold" if layer["verdict"] == "recommended" else "normal")
    above = axes.secondary_xaxis("top")
    above.set_xticks(places, [f"{100 * layer['progress']:.0f}" for layer in layers], fontsize=8)
    above.set_xlabel("share of the network that has run, in %", fontsize=8)


def _percent(shares: Sequence[float | None]) -> npt.NDArray[np.float64]:
    return np.array([np.nan if share is None else 100 * share for share in shares])
