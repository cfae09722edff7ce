"""Positive and negative attribution over a layer."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from naa_lightning.report.attribution_figure import attribution_figure
from naa_lightning.report.grid import save_figure
from tests.report.cases import picture
from tests.report.drawn import check_legible, pixels, titles, written

IMAGES = (picture(), picture(seed=1))
CLEAN = torch.tensor([[[3.0, -1.0], [0.0, 2.0]], [[1.0, -4.0], [-2.0, -0.5]]])
ADVERSARIAL = torch.tensor([[[0.5, 0.0], [-7.0, 0.0]], [[0.25, 0.0], [-1.0, 1.0]]])
POSITIVE, NEGATIVE = [[4.0, 0.0], [0.0, 2.0]], [[0.0, -5.0], [-2.0, -0.5]]
POSITIVE_AFTER, NEGATIVE_AFTER = [[0.75, 0.0], [0.0, 1.0]], [[0.0, 0.0], [-8.0, 0.0]]


def as_tokens(values: Tensor) -> Tensor:
    """The same behind a class token, which lies nowhere."""
    return torch.cat([torch.full((1, 2), 100.0), values.flatten(1).T])


@pytest.mark.parametrize("layer", [lambda values: values, as_tokens], ids=["map", "tokens"])
def test_signs_are_summed_apart_at_every_place_and_share_a_scale(layer: Callable[[Tensor], Tensor]) -> None:
    figure = attribution_figure("over a layer", IMAGES, (layer(CLEAN), layer(ADVERSARIAL)))
    shown = [axes.images[0] for axes in figure.axes if len(axes.images) == 1 and axes.get_title()]
    assert [np.asarray(image.get_array()).tolist() for image in shown] == [
        POSITIVE,
        NEGATIVE,
        POSITIVE_AFTER,
        NEGATIVE_AFTER,
    ]
    assert [image.get_clim() for image in shown] == [(-8, 8)] * 4
    assert [title for title, _ in titles(figure)] == [
        "positive, sum 6",
        "negative, sum \N{MINUS SIGN}7.5",
        "positive, sum 1.75",
        "negative, sum \N{MINUS SIGN}8",
    ]
    (bar,) = [axes for axes in figure.axes if axes.get_ylabel()]
    assert bar.get_ylim() == (-8, 8)


def test_for_is_red_against_is_blue_and_nothing_is_white() -> None:
    figure = attribution_figure("over a layer", IMAGES, (CLEAN, ADVERSARIAL))
    image = figure.axes[1].images[0]
    red, _, blue, _ = image.to_rgba(np.array([8.0]))[0]
    assert red > blue
    red, _, blue, _ = image.to_rgba(np.array([-8.0]))[0]
    assert blue > red
    np.testing.assert_allclose(image.cmap(0.5), 1, atol=0.02)


def test_no_attribution_is_drawn_too() -> None:
    figure = attribution_figure("over a layer", IMAGES, (torch.zeros(2, 2, 2), torch.zeros(2, 2, 2)))
    assert titles(figure)[0][0] == "positive, sum 0"
    check_legible(figure)


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1.0, 1e9])
@pytest.mark.parametrize("size", [(12, 12), (8, 64), (64, 8)])
def test_all_is_legible(size: tuple[int, int], scale: float) -> None:
    images = (picture(*size), picture(*size, seed=1))
    title = "image 7, W: attribution over a_layer.with.a.name " * 6
    figure = attribution_figure(title, images, (scale * CLEAN, scale * ADVERSARIAL))
    check_legible(figure)
    assert {"clean", "adversarial", "attribution, summed over the neurons at a place"} <= set(written(figure))


def test_a_layer_without_places_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a layer's output"):
        attribution_figure("over a layer", IMAGES, (torch.ones(5), torch.ones(5)))


def test_the_file_is_the_figure(tmp_path: Path) -> None:
    path = tmp_path / "figures" / "attribution.png"
    save_figure(attribution_figure("over a layer", IMAGES, (CLEAN, ADVERSARIAL)), path)
    with Image.open(path) as image:
        assert image.width > 1000
        assert np.array_equal(
            np.asarray(image), pixels(attribution_figure("over a layer", IMAGES, (CLEAN, ADVERSARIAL)))
        )
