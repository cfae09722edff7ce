"""What the panel shows is what the images and the surrogate hold, and can be read."""

import sys
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor, nn
from torchvision.ops import Permute

from naa_lightning.attribution import Conductance, GradientTimesActivation, Method, attribute
from naa_lightning.attribution.overlay import attribution_overlay
from naa_lightning.library.pairs import Pairs
from naa_lightning.library.panel import draw_panel
from naa_lightning.library.show import show
from naa_lightning.models import Classifier, Ensemble
from naa_lightning.models.predicted_classes import PredictedClasses
from tests.report.drawn import check_legible, written

HEADS = ["clean", "adversarial", "difference", "attribution, clean", "attribution, adversarial"]


def classifier(layer: str | None = "1", classes: int = 4) -> Classifier:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, classes))
    return Classifier(network, mean=[0.5] * 3, std=[0.5] * 3, layer=layer)


def batch(count: int, height: int = 12, width: int = 12) -> tuple[Tensor, Tensor]:
    clean = torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))
    noise = torch.rand(clean.shape, generator=torch.Generator().manual_seed(1)) - 0.5
    return clean, (clean + 0.1 * noise).clamp(0, 1)


def captions(figure: Figure) -> list[tuple[str, object]]:
    """What stands below cells, with its colour, row by row."""
    return [(axes.get_xlabel(), axes.xaxis.label.get_color()) for axes in figure.axes]


def picture(figure: Figure, cell: int) -> np.ndarray:
    return np.asarray(figure.axes[cell].images[0].get_array())


def panel(maps: Sequence[Tensor], prediction: int = 3) -> Figure:
    """A panel of one image with these maps."""
    clean, adversarial = batch(1)
    predicted = PredictedClasses(torch.tensor([prediction]), torch.tensor([0.9]))
    return draw_panel(Pairs(clean, adversarial, torch.tensor([3])), [predicted] * 2, maps, "a note")


def test_images_are_shown_as_they_are_and_the_difference_fills_the_range() -> None:
    clean, adversarial = batch(2)
    figure = show(clean, adversarial, classifier())
    for row in range(2):
        for cell, image in enumerate((clean, adversarial)):
            np.testing.assert_array_equal(picture(figure, 5 * row + cell), image[row].permute(1, 2, 0))
        change = (adversarial - clean)[row].permute(1, 2, 0).numpy()
        shown = picture(figure, 5 * row + 2) - 0.5
        np.testing.assert_allclose(shown, change * 0.5 / np.abs(change).max(), atol=1e-6)
        largest = captions(figure)[5 * row + 2][0].removeprefix("largest ").removesuffix("/255")
        assert float(largest) == pytest.approx(255 * np.abs(change).max(), rel=0.01)
    assert [text for text in written(figure) if text in HEADS] == HEADS


def test_predictions_are_the_surrogates_and_red_where_they_are_not_the_label() -> None:
    surrogate = classifier()
    clean, adversarial = batch(3)
    with torch.no_grad():
        probabilities = surrogate(clean).softmax(1)
    predicted = probabilities.argmax(1).tolist()
    labels = [predicted[0], (predicted[1] + 1) % 4, predicted[2]]
    shown = captions(show(clean, adversarial, surrogate, labels))[::5]
    text = [f"class {found}, {100 * float(probabilities[row, found]):.0f} %" for row, found in enumerate(predicted)]
    assert shown == [(text[0], "black"), (f"\N{BALLOT X} {text[1]}", "#c00000"), (text[2], "black")]


def test_without_labels_the_adversarial_prediction_is_held_against_the_clean_one() -> None:
    strongest_colour = nn.Sequential(nn.Identity(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    surrogate = Classifier(strongest_colour, mean=[0.0] * 3, std=[1.0] * 3, layer="0")
    red, green = torch.eye(3)[:2, None, :, None, None].expand(-1, -1, -1, 8, 8)
    found = captions(show(red, green, surrogate))
    assert found[:2] == [("class 0, 58 %", "black"), ("\N{BALLOT X} class 1, 58 %", "#c00000")]
    assert [caption.partition(":")[0] for caption, _ in found[3:]] == ["for class 0"] * 2


@pytest.mark.parametrize("method", [GradientTimesActivation(), Conductance()])
def test_maps_are_the_attribution_of_the_label_over_the_attacked_layer(method: Method) -> None:
    surrogate = classifier()
    clean, adversarial = batch(1)
    figure = show(clean, adversarial, surrogate, [2], method=method)
    sums = [attribute(method, surrogate, images, [2]).values.sum() for images in (clean, adversarial)]
    assert [title for title, _ in captions(figure)[3:]] == [
        f"for class 2: {float(total):.2g}".replace("-", "\N{MINUS SIGN}") for total in sums
    ]
    start = f"attribution over 1 by {type(method).__name__}; red: for the class"
    assert any(text.startswith(start) for text in written(figure))


def test_where_channels_are_last_the_maps_are_the_same() -> None:
    torch.manual_seed(0)
    orders = Permute([0, 2, 3, 1]), Permute([0, 3, 1, 2])
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4)
    network = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), *orders, *head)
    first, last = (
        show(*batch(1), Classifier(network, mean=[0.5] * 3, std=[0.5] * 3, layer=layer), [2]) for layer in ("1", "2")
    )
    for cell in (3, 4):
        np.testing.assert_allclose(picture(last, cell), picture(first, cell), atol=1)


def test_both_maps_have_one_scale_and_lie_over_their_image() -> None:
    """A map of half the attribution is half as dark."""
    pattern = torch.tensor([[[1.0, -1.0], [-1.0, 1.0]]])
    figure = panel([pattern, 0.5 * pattern])
    for cell, image, share in zip((3, 4), batch(1), (1.0, 0.5), strict=True):
        expected = attribution_overlay(image[0], share * pattern[0], 1.0)
        np.testing.assert_array_equal(picture(figure, cell), expected)


@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_attribution_that_is_nowhere_is_drawn_as_the_grey_image(value: float) -> None:
    figure = panel([torch.full((1, 2, 2), value)] * 2)
    red, green, blue = np.moveaxis(picture(figure, 3), 2, 0)
    assert (red == green).all()
    assert (green == blue).all()
    assert captions(figure)[3][0] == f"for class 3: {value:g}"


@pytest.mark.parametrize(
    ("surrogate", "note"),
    [
        (classifier(layer=None), "no attribution: the surrogate names no attacked layer"),
        (classifier(layer="3"), "no attribution: the neurons of the layer 3 lie nowhere in the image"),
        (Ensemble([classifier(), classifier(layer=None)]), "no attribution: the surrogate names no attacked layer"),
    ],
    ids=["no layer", "no places", "a member without"],
)
def test_without_places_there_is_a_panel_without_attribution(surrogate: nn.Module, note: str) -> None:
    figure = show(*batch(2), surrogate)
    assert len(figure.axes) == 6
    assert any(text.startswith(note) for text in written(figure))
    check_legible(figure)


def test_of_several_layers_and_members_the_first_is_shown() -> None:
    torch.manual_seed(0)
    several = Ensemble(
        [Classifier(classifier().network, mean=[0.5] * 3, std=[0.5] * 3, layer=["0", "1"]), classifier()]
    )
    assert any(text.startswith("attribution over 0 by") for text in written(show(*batch(1), several)))


def test_a_network_without_numbers_gives_no_answer() -> None:
    surrogate = classifier()
    nn.init.constant_(surrogate.network.get_submodule("4").bias, torch.nan)  # type: ignore[arg-type]
    assert [title for title, _ in captions(show(*batch(1), surrogate))[:2]] == ["no answer", "no answer"]


@pytest.mark.parametrize(
    ("count", "height", "width", "labels"),
    [(1, 12, 12, None), (4, 12, 12, 99_998), (2, 10, 24, 99_998), (2, 24, 10, None)],
)
def test_everything_can_be_read(count: int, height: int, width: int, labels: int | None) -> None:
    surrogate = classifier(classes=100_000)
    nn.init.constant_(surrogate.network.get_submodule("4").bias[99_999:], 40)  # type: ignore[index]
    given = None if labels is None else [labels] * count
    figure = show(*batch(count, height, width), surrogate, given, method=GradientTimesActivation())
    assert captions(figure)[0][0].endswith("class 99999, 100 %")
    check_legible(figure)
    cells = {
        tuple(np.round(axes.get_position(original=True).size * figure.get_size_inches(), 6)) for axes in figure.axes
    }
    assert len(cells) == 1, "all cells are of one size"


def test_classes_have_the_names_that_are_given() -> None:
    strongest_colour = nn.Sequential(nn.Identity(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    surrogate = Classifier(strongest_colour, mean=[0.0] * 3, std=[1.0] * 3, layer="0")
    red, green, blue = torch.eye(3)[:, None, :, None, None].expand(-1, -1, -1, 8, 8)
    images, others = torch.cat([red, red]), torch.cat([green, blue])
    found = captions(show(images, others, surrogate, class_names=["red", "any", "any"]))
    assert [text for text, _ in found[:2]] == ["red, 58 %", "\N{BALLOT X} any (1), 58 %"]
    assert found[6][0] == "\N{BALLOT X} any (2), 58 %"
    assert [caption.partition(":")[0] for caption, _ in found[3:5]] == ["for red"] * 2


def test_a_thousand_classes_have_imagenets_names() -> None:
    surrogate = classifier(classes=1000)
    nn.init.constant_(surrogate.network.get_submodule("4").bias[134:135], 40)  # type: ignore[index]
    figure = show(*batch(1), surrogate, [2])
    assert captions(figure)[0] == ("\N{BALLOT X} crane (134), 100 %", "#c00000")
    assert captions(figure)[3][0].startswith("for great white shark: ")


@pytest.mark.parametrize("letter", ["W", "i", "\u0416", "black-footed ferret $x$ "])
def test_long_names_are_cut_where_they_would_not_fit(letter: str) -> None:
    figure = show(*batch(2), classifier(), [0, 1], class_names=[letter * 60] * 4)
    assert captions(figure)[0][0].endswith(" %")
    assert "\N{HORIZONTAL ELLIPSIS}" in captions(figure)[0][0]
    check_legible(figure)


def test_the_figure_is_shown_by_a_notebook_alone() -> None:
    figure = show(*batch(1), classifier())
    assert plt.get_fignums() == []
    assert figure._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]


def test_the_surrogate_is_left_as_it_was() -> None:
    surrogate = classifier().train()
    show(*batch(1), surrogate)
    assert all(module.training for module in surrogate.modules())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in surrogate.parameters())
    assert not any(module._forward_hooks for module in surrogate.modules())


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "naa_lightning.library.panel")
    monkeypatch.delitem(sys.modules, "naa_lightning.attribution.overlay")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ModuleNotFoundError, match="`show` needs matplotlib: pip install matplotlib"):
        show(*batch(1), classifier())


def test_what_cannot_be_shown_is_told_in_one_sentence() -> None:
    clean, adversarial = batch(2)
    with pytest.raises(ValueError, match=r"clean ones' shape \(2, 3, 12, 12\), got \(1, 3, 12, 12\)"):
        show(clean, adversarial[:1], classifier())
    with pytest.raises(ValueError, match="expected labels from 0 to 3, got 4"):
        show(clean, adversarial, classifier(), [0, 4])
    with pytest.raises(ValueError, match="expected at most 32 images to show, got 33; show some of them"):
        show(*batch(33), classifier())
    with pytest.raises(ValueError, match="nothing says what images Sequential expects"):
        show(clean, adversarial, classifier().network)
