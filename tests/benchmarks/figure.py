"""Time and memory against what grows, as small multiples."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

Runs = Sequence[Mapping[str, Any]]

GIB = 2**30
COLUMNS = {
    "images": "images read, attacked and written",
    "points": "points of the path",
    "batch": "images in a batch",
    "ranks": "processes (memory: of the largest)",
}
# Told apart without colour: by shade, line and marker.
STYLES: Mapping[str, Mapping[str, Any]] = {
    "attack.py": {"color": "#173f7d", "linestyle": "-", "marker": "o"},
    "naa": {"color": "#173f7d", "linestyle": "-", "marker": "s"},
    "torchattack_naa": {"color": "#c98a2b", "linestyle": "--", "marker": "^", "markerfacecolor": "white"},
}
REFERENCE: Mapping[str, Any] = {"color": "0.35", "linewidth": 1, "linestyle": ":", "zorder": 0}


def draw_scaling(path: Path, scaling: Mapping[str, Mapping[str, Runs]], title: str) -> None:
    """Draw a column for each of `COLUMNS`: how long above, the peak of memory below.

    A dotted line says what would be straight: time that grows by as much for each image or point as from the first run
    to the last, time per image that does not depend on the batch, images per second that grow with processes, memory
    that stays.

    Args:
        path: The file; its suffix says which format.
        scaling: `Scaling.found`.
        title: What was measured, on what.
    """
    figure = Figure(figsize=(13, 6), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(2, len(COLUMNS), sharex="col", squeeze=False)
    for (key, label), above, below in zip(COLUMNS.items(), *grid, strict=True):
        measured = {name: runs for name, runs in scaling[key].items() if runs}
        for name, runs in measured.items():
            sizes = [run["size"] for run in runs]
            above.plot(sizes, [_time(key, run) for run in runs], label=name, **STYLES[name])
            below.plot(sizes, [run["peak_bytes"] / GIB for run in runs], **STYLES[name])
        for runs in measured.values():
            _draw_references(key, runs, above, below)
        above.set_ylabel({"images": "seconds", "ranks": "images per second"}.get(key, "seconds per image"))
        below.set_ylabel("peak memory in GiB")
        below.set_xlabel(label)
        below.set_xticks(sorted({run["size"] for runs in measured.values() for run in runs}))
        for axes in (above, below):
            if measured:
                axes.set_xlim(0, 1.06 * axes.dataLim.x1)
                axes.set_ylim(0, 1.1 * axes.dataLim.y1)
            axes.grid(visible=True, alpha=0.3)
            axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=11)
    lines = {line.get_label(): line for axes in grid[0] for line in axes.get_lines()}
    names = [name for name in (*STYLES, "straight") if name in lines]
    figure.legend([lines[name] for name in names], names, loc="outside lower center", ncols=4, frameon=False)
    figure.savefig(path, dpi=120)


def _time(key: str, run: Mapping[str, Any]) -> float:
    match key:
        case "images":
            return float(run["seconds"])
        case "ranks":
            return float(run["images"] / run["seconds"])
        case _:
            return float(run["seconds"] / run["images"])


def _draw_references(key: str, runs: Runs, above: Axes, below: Axes) -> None:
    first, last = runs[0], runs[-1]
    start, end = _time(key, first), _time(key, last)
    if key == "batch":
        end = start
    elif key == "ranks":
        end = start * last["size"] / first["size"]
    sizes = [first["size"], last["size"]]
    above.plot(sizes, [start, end], label="straight", **REFERENCE)
    below.plot(sizes, [first["peak_bytes"] / GIB] * 2, **REFERENCE)
