"""Clean image, adversarial image and their difference."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from naa_lightning.report.grid import save_figure
from naa_lightning.report.panel import panel_figure
from tests.report.cases import LONG_NAMES, NAMES, picture, prediction
from tests.report.drawn import check_legible, pixels, titles, written

CLEAN = picture()
ADVERSARIAL = (CLEAN + 4 / 255 * torch.sign(picture(seed=1) - 0.5)).clamp(0, 1)
ROWS = [prediction("source"), prediction("a"), prediction("b", adversarial=3), prediction("c", adversarial=0)]


def test_titles_name_classes_and_probabilities_and_mark_what_is_wrong() -> None:
    figure = panel_figure(CLEAN, ADVERSARIAL, ROWS, ["source"], names=NAMES)
    (right, black), (wrong, red), (largest, _) = titles(figure)
    assert (right, wrong, largest) == ("tabby, 97 %", "✗ goldfish, 35 %", "largest 4/255")
    assert (black, red) == ("black", "#c00000")
    assert "image 12, tabby (3): wrong on 2 of 3 black-box targets" in written(figure)
    assert {"clean", "adversarial", "difference \N{MULTIPLICATION SIGN} 31.9"} <= set(written(figure))
    assert "predictions of source; ✗: not the true class" in written(figure)


def test_without_names_classes_have_their_numbers() -> None:
    figure = panel_figure(CLEAN, ADVERSARIAL, ROWS[:1], ["source"])
    assert [title for title, _ in titles(figure)][:2] == ["class 3, 97 %", "✗ class 1, 35 %"]
    assert "image 12, class 3" in written(figure)


def test_the_class_aimed_at_is_named() -> None:
    rows = [prediction("source", target_class=2)]
    assert "image 12, tabby (3), aimed at great white shark (2)" in written(
        panel_figure(CLEAN, ADVERSARIAL, rows, ["source"], names=NAMES)
    )


def test_the_difference_fills_the_range_around_mid_grey() -> None:
    def shown(adversarial: torch.Tensor) -> torch.Tensor:
        figure = panel_figure(CLEAN, adversarial, ROWS, ["source"])
        return torch.as_tensor(np.asarray(figure.axes[2].images[0].get_array())).permute(2, 0, 1)

    difference = ADVERSARIAL - CLEAN
    torch.testing.assert_close(shown(ADVERSARIAL), 0.5 + difference * 255 / 8)
    assert (shown(CLEAN) == 0.5).all()


@pytest.mark.parametrize("size", [(12, 12), (8, 64), (64, 8)])
def test_long_names_are_cut_so_that_all_is_legible(size: tuple[int, int]) -> None:
    image = picture(*size)
    name = r"a$\frac{1}$_model_with_a_name " * 8
    rows = [prediction(name, clean=0, target_class=2), prediction("b")]
    check_legible(panel_figure(image, image, rows, [name], names=LONG_NAMES))
    check_legible(panel_figure(image, image, ROWS, ["source"], names=NAMES))


def test_the_file_is_the_figure(tmp_path: Path) -> None:
    path = tmp_path / "figures" / "panel.png"
    save_figure(panel_figure(CLEAN, ADVERSARIAL, ROWS, ["source"], names=NAMES), path)
    with Image.open(path) as image:
        assert image.width > 1000
        assert np.array_equal(
            np.asarray(image), pixels(panel_figure(CLEAN, ADVERSARIAL, ROWS, ["source"], names=NAMES))
        )
