import math
from collections.abc import Callable, Iterable

import pytest
import torch
from captum.attr import LayerGradientXActivation, LayerIntegratedGradients
from torch import Tensor, nn

from naa_lightning.attribution import (
    attribution_statistics,
    average_gradient,
    class_logit,
    class_probability,
    path_points,
    unit_norm,
)
from naa_lightning.draws import SeededDraws
from naa_lightning.models import Classifier

LABELS = torch.tensor([1, 4])
DRAWS = SeededDraws(0, [0, 1])


@pytest.fixture
def images() -> Tensor:
    return torch.rand(2, 3, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def straight() -> Classifier:
    """The attacked layer is affine in the image: the features' path to black is straight, as the image's."""
    torch.manual_seed(0)
    head = [nn.Softplus(), nn.Conv2d(4, 4, 3), nn.Softplus(), nn.Flatten(), nn.Linear(16, 5)]
    network = nn.Sequential(nn.Conv2d(3, 4, 3), *head)
    return Classifier(network, mean=[0.5] * 3, std=[0.5] * 3, layer="0").double()


def path_gradient(surrogate: Classifier, points: Iterable[Tensor], labels: Tensor) -> Tensor:
    return average_gradient(surrogate, points, class_probability(labels)).gradient


def probabilities(surrogate: Classifier) -> Callable[[Tensor], Tensor]:
    return lambda images: surrogate(images).softmax(dim=1)


def test_path_gradient_is_captums_mean_layer_gradient(tiny: Classifier, images: Tensor) -> None:
    points = list(path_points(images, 5, 0.1, DRAWS))
    layer = tiny.network.get_submodule("middle")
    captum = LayerGradientXActivation(probabilities(tiny), layer, multiply_by_inputs=False)
    expected = torch.stack([captum.attribute(point, target=LABELS) for point in points]).mean(dim=0)
    torch.testing.assert_close(path_gradient(tiny, points, LABELS), expected.detach())


def test_gradient_of_a_logit_is_captums(tiny: Classifier, images: Tensor) -> None:
    layer = tiny.network.get_submodule("middle")
    captum = LayerGradientXActivation(tiny, layer, multiply_by_inputs=False)
    average = average_gradient(tiny, [images], class_logit(LABELS))
    torch.testing.assert_close(average.gradient, captum.attribute(images, target=LABELS).detach())
    assert average.evaluations == 1


def test_path_gradient_needs_a_point(tiny: Classifier) -> None:
    with pytest.raises(ValueError, match="expected at least one input, got none"):
        path_gradient(tiny, [], LABELS)


def test_attribution_on_a_straight_path_is_captums_integrated_gradients(straight: Classifier, images: Tensor) -> None:
    points = 20
    captum = LayerIntegratedGradients(probabilities(straight), straight.network.get_submodule("0"))
    expected = captum.attribute(
        images, torch.zeros_like(images), target=LABELS, n_steps=points, method="riemann_right"
    ).detach()
    gradient = path_gradient(straight, path_points(images, points, 0.0, DRAWS), LABELS)
    ours = attribution_statistics(straight, images, LABELS, gradient)
    flat = expected.flatten(1)
    torch.testing.assert_close(ours.attributed, flat.sum(1))
    torch.testing.assert_close(ours.positive_share, flat.clamp_min(0).sum(1) / flat.abs().sum(1))
    torch.testing.assert_close(ours.participation, flat.abs().sum(1) ** 2 / (flat.shape[1] * flat.square().sum(1)))


def test_attribution_on_a_straight_path_is_complete_in_the_limit(straight: Classifier, images: Tensor) -> None:
    def gap(points: int) -> Tensor:
        gradient = path_gradient(straight, path_points(images, points, 0.0, DRAWS), LABELS)
        ours = attribution_statistics(straight, images, LABELS, gradient)
        return ((ours.attributed - ours.explained) / ours.explained).abs()

    coarse, fine = gap(8), gap(64)
    assert (fine < 0.05).all()
    torch.testing.assert_close(coarse / fine, torch.full_like(fine, 8.0), rtol=0.2, atol=0)


def test_explained_is_the_change_of_the_true_class_probability(tiny: Classifier, images: Tensor) -> None:
    gradient = path_gradient(tiny, [images], LABELS)
    explained = attribution_statistics(tiny, images, LABELS, gradient).explained
    for i, label in enumerate(LABELS):
        image = images[i : i + 1]
        change = tiny(image).softmax(1)[0, label] - tiny(image * 0).softmax(1)[0, label]
        torch.testing.assert_close(explained[i], change.detach())


class Weighted(nn.Module):
    """Features are the image itself."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.layer(images)
        return features.mean(dim=(2, 3))


def statistics_of(attribution: Tensor) -> tuple[float, float, float]:
    """Positive share, participation and sum of the given attributions of a white image's 12 neurons."""
    surrogate = Classifier(Weighted(), mean=[0.0] * 3, std=[1.0] * 3, layer="layer")
    white = torch.ones(1, 3, 2, 2)
    ours = attribution_statistics(surrogate, white, torch.tensor([0]), attribution.view(1, 3, 2, 2))
    return float(ours.positive_share), float(ours.participation), float(ours.attributed)


ONE_HOT = torch.eye(12)[5]
HALF = torch.tensor([1.0] * 6 + [0.0] * 6)
SIGNED = torch.tensor([1.0] * 9 + [-1.0] * 3)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
@pytest.mark.parametrize(
    ("attribution", "positive", "participation", "total"),
    [
        (torch.ones(12), 1.0, 1.0, 12.0),
        (-torch.ones(12), 0.0, 1.0, -12.0),
        (ONE_HOT, 1.0, 1 / 12, 1.0),
        (-ONE_HOT, 0.0, 1 / 12, -1.0),
        (HALF, 1.0, 0.5, 6.0),
        (SIGNED, 0.75, 1.0, 6.0),
        (torch.tensor([3.0, -1.0] + [0.0] * 10), 0.75, 16 / (12 * 10), 2.0),
    ],
)
def test_statistics_of_known_attributions(
    attribution: Tensor, positive: float, participation: float, total: float, scale: float
) -> None:
    assert statistics_of(attribution * scale) == pytest.approx((positive, participation, total * scale), rel=1e-5)


def test_no_attribution_leaves_the_shares_within_their_range() -> None:
    """Shares of nothing are undefined: within [0, 1], or NaN."""
    for share in statistics_of(torch.zeros(12))[:2]:
        assert math.isnan(share) or 0 <= share <= 1


@pytest.mark.parametrize("scale", [1e-42, 1e-30, 1.0, 1e30])
def test_unit_norm(scale: float) -> None:
    gradients = scale * torch.randn(3, 4, 5, 5, generator=torch.Generator().manual_seed(0))
    gradients[1] = 0
    scaled = unit_norm(gradients)
    norms = scaled.flatten(1).double().norm(dim=1)
    torch.testing.assert_close(norms, torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64), rtol=1e-5, atol=0)
    assert torch.equal(scaled.sign(), gradients.sign())


def test_unit_norm_keeps_directions() -> None:
    gradients = torch.randn(3, 4, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = torch.stack([gradient / gradient.norm() for gradient in gradients])
    torch.testing.assert_close(unit_norm(gradients), expected)


class Recorded:
    """Gives the index as noise and remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def normal(self, purpose: str, index: int, like: Tensor) -> Tensor:
        self.asked.append((purpose, index))
        return torch.full_like(like, index + 1)

    uniform = donors = normal


@pytest.mark.parametrize("noise", [0.1, 1.0])
def test_path_points_go_from_the_noisy_image_towards_black(noise: float, images: Tensor) -> None:
    draws = Recorded()
    points = list(path_points(images, 4, noise, draws))
    expected = [(images + noise * (i + 1)) * (4 - i) / 4 for i in range(4)]
    torch.testing.assert_close(torch.stack(points), torch.stack(expected))
    assert draws.asked == [("naa/noise", i) for i in range(4)]


def test_path_points_without_noise_draw_nothing(images: Tensor) -> None:
    draws = Recorded()
    points = list(path_points(images, 3, 0.0, draws))
    torch.testing.assert_close(torch.stack(points), torch.stack([images, images * 2 / 3, images / 3]))
    assert draws.asked == []
