"""What can be read on a figure, and whether it can."""

from itertools import combinations

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox


def texts(figure: Figure) -> list[Text]:
    """All that is written."""
    found = list(figure.texts)
    for axes in figure.axes:
        found.append(axes.title)
        if axes.axison:
            found += [axes.xaxis.label, axes.yaxis.label, axes.yaxis.get_offset_text()]
            low, high = sorted(axes.get_ylim())
            found += [label for label in axes.get_yticklabels() if low <= label.get_position()[1] <= high]
    return [text for text in found if text.get_text() and text.get_visible()]


def written(figure: Figure) -> list[str]:
    return [text.get_text() for text in texts(figure)]


def pixels(figure: Figure) -> np.ndarray:
    """The figure as it is drawn, RGBA of 8 bits."""
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    canvas.draw()  # type: ignore[no-untyped-call]
    return np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]


def check_legible(figure: Figure) -> None:
    """No text is cut, lies on another one or on an image."""
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    canvas.draw()  # type: ignore[no-untyped-call]
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts(figure)]
    assert boxes
    for name, box in boxes:
        inside = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
        assert inside, f"{name!r} is cut"
    for (name, box), (other, another) in combinations(boxes, 2):
        assert not _overlap(box, another), f"{name!r} lies on {other!r}"
    for axes in figure.axes:
        for name, box in boxes:
            assert not _overlap(box, axes.get_window_extent(renderer)), f"{name!r} lies on an image"


def _overlap(one: Bbox, other: Bbox) -> bool:
    return bool(one.x0 < other.x1 and other.x0 < one.x1 and one.y0 < other.y1 and other.y0 < one.y1)
