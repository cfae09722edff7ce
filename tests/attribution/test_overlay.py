"""Maps over images look as captum draws them, and keep to their scale."""

import numpy as np
import pytest
import torch
from captum.attr import visualization
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from naa_lightning.attribution.overlay import attention_overlay, attribution_overlay, attribution_scale


def grey_image(height: int = 20, width: int = 30) -> Tensor:
    """Noise without colour that reaches black and white, between which captum stretches what it draws."""
    image = torch.rand(1, height, width, generator=torch.Generator().manual_seed(0))
    image[0, 0, :2] = torch.tensor([0.0, 1.0])
    return image.expand(3, -1, -1)


def drawn_by_captum(image: Tensor, values: Tensor) -> np.ndarray:
    """A figure of as many pixels as the image has."""
    height, width = image.shape[1:]
    figure = Figure(figsize=(width, height), dpi=1)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    visualization.visualize_image_attr(
        values[..., None].numpy(),
        image.permute(1, 2, 0).numpy(),
        method="blended_heat_map",
        sign="all",
        cmap="RdBu_r",
        alpha_overlay=0.6,
        plt_fig_axis=(figure, axes),
        use_pyplot=False,
    )
    for spine in axes.spines.values():
        spine.set_visible(False)
    for shown in axes.images:
        shown.set_interpolation("nearest")
    canvas.draw()  # type: ignore[no-untyped-call]
    return np.asarray(canvas.buffer_rgba())[..., :3]  # type: ignore[no-untyped-call]


def test_attribution_is_what_captum_draws() -> None:
    image = grey_image()
    values = torch.randn(20, 30, generator=torch.Generator().manual_seed(1)) ** 3
    ours = attribution_overlay(image, values, attribution_scale([values]))
    assert ours.shape == (20, 30, 3)
    assert ours.dtype == np.uint8
    theirs = drawn_by_captum(image, values).astype(int)
    assert np.abs(ours - theirs).max() <= 3, "but for roundings on the way"


def test_for_is_red_against_is_blue_and_half_as_much_is_paler() -> None:
    black = torch.zeros(3, 1, 3)
    strong = attribution_overlay(black, torch.tensor([[2.0, 0.0, -2.0]]), 2.0).astype(int)[0]
    weak = attribution_overlay(black, torch.tensor([[1.0, 0.0, -1.0]]), 2.0).astype(int)[0]
    for against, found in ((False, strong), (False, weak), (True, strong), (True, weak)):
        red, _, blue = found[2 if against else 0]
        assert (blue > red + 30) if against else (red > blue + 30)
    assert np.ptp(strong[1]) <= 2, "0 has no colour"
    assert (weak.sum(1) > strong.sum(1))[[0, 2]].all()


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_attribution_that_is_nowhere_leaves_the_grey_image(value: float) -> None:
    image = grey_image()
    values = torch.full((2, 2), value)
    found = attribution_overlay(image, values, attribution_scale([values, values]))
    np.testing.assert_allclose(found, 255 * image.permute(1, 2, 0), atol=0.51)


def test_the_scale_is_that_of_all_maps() -> None:
    small, large = torch.full((10, 10), 0.5), torch.full((10, 10), -4.0)
    assert attribution_scale([small]) == 0.5
    assert attribution_scale([small, large]) == attribution_scale([large, small]) == 4.0
    outlier = torch.zeros(10, 10)
    outlier[0, 0] = 50.5  # 1 % of 100 times 50
    assert attribution_scale([torch.full((10, 10), 50.0), outlier]) == 50.0


def test_attention_grows_brighter_and_hides_more_of_the_image() -> None:
    image = grey_image(8, 8)
    nothing, much, unknown = (attention_overlay(image, torch.full((2, 2), share)) for share in (0.0, 1.0, torch.nan))
    assert (unknown == nothing).all()
    np.testing.assert_allclose(nothing, 255 * (0.2 + 0.7 * image.permute(1, 2, 0)), atol=0.6)
    assert nothing.std(axis=(0, 1)).min() > 4 * much.std(axis=(0, 1)).max()
    assert much[..., 0].min() > 180, "plasma ends in yellow"
    assert much[..., 2].max() < 100


def test_a_map_is_spread_over_the_whole_image() -> None:
    image = torch.full((3, 8, 16), 0.5)
    halves = attention_overlay(image, torch.tensor([[0.0, 1.0]])).astype(int)
    assert np.ptp(halves[:, 0], axis=1).max() == 0, "the left is grey"
    assert np.ptp(halves[:, -1], axis=1).min() > 100
