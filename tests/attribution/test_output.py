import pytest
import torch
from torch import Tensor, nn

from naa_lightning.attribution import (
    OUTPUTS,
    Conductance,
    Output,
    attribute,
    class_logit,
    class_margin,
    class_probability,
)
from naa_lightning.models import Classifier
from naa_lightning.rng import SeededDraws
from tests.attribution.cases import CLASSES, asked, clean_path

LOGITS = torch.tensor([[2.0, 5.0, -1.0], [0.5, 0.25, 0.0]], dtype=torch.float64)


def value_and_gradient(output: Output, classes: list[int]) -> tuple[Tensor, Tensor]:
    logits = LOGITS.clone().requires_grad_()
    values = output(logits, torch.tensor(classes))
    return values.detach(), torch.autograd.grad(values.sum(), logits)[0]


def test_logit() -> None:
    value, gradient = value_and_gradient(class_logit, [2, 0])
    assert value.tolist() == [-1.0, 0.5]
    assert gradient.tolist() == [[0, 0, 1], [1, 0, 0]]


@pytest.mark.parametrize(
    ("classes", "values", "gradients"),
    [
        ([2, 0], [-6.0, 0.25], [[0, -1, 1], [1, -1, 0]]),
        ([1, 2], [3.0, -0.5], [[-1, 1, 0], [-1, 0, 1]]),
        ([0, 1], [-3.0, -0.25], [[1, -1, 0], [-1, 1, 0]]),
    ],
)
def test_margin_is_the_logit_over_the_largest_other(
    classes: list[int], values: list[float], gradients: list[list[int]]
) -> None:
    value, gradient = value_and_gradient(class_margin, classes)
    assert value.tolist() == values
    assert gradient.tolist() == gradients


def test_probability_is_the_softmax() -> None:
    """And its gradient p_c (1[k = c] - p_k)."""
    classes = [1, 2]
    value, gradient = value_and_gradient(class_probability, classes)
    for row, target in enumerate(classes):
        shares = LOGITS[row].exp() / LOGITS[row].exp().sum()
        torch.testing.assert_close(value[row], shares[target])
        torch.testing.assert_close(gradient[row], shares[target] * (torch.eye(3)[target] - shares))


def test_outputs_by_name() -> None:
    assert {"probability": class_probability, "logit": class_logit, "margin": class_margin} == OUTPUTS


@pytest.mark.parametrize("name", OUTPUTS)
def test_what_is_explained_is_the_change_of_the_output(name: str, smooth: Classifier, images: Tensor) -> None:
    found = asked(Conductance(path=clean_path("gauss_legendre", 2)), smooth, images, output=OUTPUTS[name])
    for i, label in enumerate(CLASSES):
        after, before = (smooth(image[None]).detach()[0] for image in (images[i], images[i] * 0))
        match name:
            case "probability":
                change = after.softmax(0)[label] - before.softmax(0)[label]
            case "logit":
                change = after[label] - before[label]
            case _:
                others = torch.arange(5) != label
                change = (after[label] - after[others].max()) - (before[label] - before[others].max())
        torch.testing.assert_close(found.explained[i], change)


class TwoRivals(nn.Module):
    """Logits 0.3, y1 and 0.6 y2, y1 and y2 being the first two channels of a pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        first, second, _ = self.layer(images).flatten(2).sum(2).unbind(1)
        return torch.stack([torch.full_like(first, 0.3), first, 0.6 * second], dim=1)


def test_attribution_of_a_margin_whose_rival_changes_on_the_way() -> None:
    """At t = 1/2 the third class overtakes the first: A = (1, -0.6 / 2), and the margin rises from -0.3 to 0.4."""
    surrogate = Classifier(TwoRivals(), mean=[0.0] * 3, std=[1.0] * 3, layer="layer")
    white, draws = torch.ones(1, 3, 1, 1, dtype=torch.float64), SeededDraws(0, [0])
    for points in (2, 8):
        method = Conductance(path=clean_path("midpoint", points))
        found = attribute(method, surrogate, white, torch.tensor([1]), draws, output=class_margin)
        assert found.values.flatten().tolist() == pytest.approx([1.0, -0.3, 0.0])
        assert found.explained.tolist() == pytest.approx([0.7])
