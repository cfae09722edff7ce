"""Text that fits its place in a figure."""

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from naa_lightning.report.grid import Grid, fitted
from tests.report.cases import picture


def drawn_inches(text: str, size: float, weight: str) -> float:
    """The width of a line as a grid draws it."""
    grid = Grid((1, 3), picture(), cell=2.0, top=0.5, right=0.1, left=0.1, title=0.3)
    grid.write(0.1, 0.3, text, size, weight=weight)
    canvas = grid.figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
    return float(grid.figure.texts[0].get_window_extent(renderer).width / grid.figure.dpi)


@pytest.mark.parametrize(("size", "weight"), [(9, "normal"), (13, "normal"), (10, "bold")])
def test_a_line_is_cut_no_sooner_than_it_would_be_drawn_too_wide(size: float, weight: str) -> None:
    whole = r"a $\frac{1}$ great_white_shark of the Pacific"
    for inches in (0.8, 1.3, 2.0):
        line = fitted(whole, inches, size, weight=weight, tail=", 97 %")
        kept = line.index("…")
        one_more = whole[: kept + 1].rstrip() + "…, 97 %"
        assert drawn_inches(line, size, weight) <= inches
        assert whole[kept] == " " or drawn_inches(one_more, size, weight) > inches


def test_a_line_that_fits_stays_whole_and_another_keeps_its_tail() -> None:
    assert fitted("a  short\nline", 9, 10, tail=", 5 %") == "a short line, 5 %"
    cut = fitted("w" * 100, 1.0, 10, tail=", 5 %")
    assert cut.endswith("w…, 5 %")
    assert 4 < len(cut) < 20
    assert len(fitted("w" * 100, 2.0, 10, tail=", 5 %")) > len(cut)
    assert fitted("w" * 100, 0.1, 10, tail=", 5 %") == ", 5 %"
