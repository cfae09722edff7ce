import pytest
import torch
from captum.attr import LayerGradientXActivation, LayerIntegratedGradients
from torch import Tensor

from naa_lightning.attribution import (
    BASELINES,
    RULES,
    Conductance,
    FeatureDifference,
    Path,
    attribution_of_path_gradient,
    average_gradient,
    class_probability,
)
from naa_lightning.models import Classifier
from tests.attribution.cases import CLASSES, DRAWS, asked, clean_path, gap, points_of


@pytest.mark.parametrize("name", BASELINES)
def test_it_is_the_features_change_times_captums_mean_gradient(name: str, tiny: Classifier, images: Tensor) -> None:
    path, layer = Path(points=4, noise=0.1), tiny.network.get_submodule("middle")
    baseline = BASELINES[name](images, DRAWS, 0)
    captum = LayerGradientXActivation(lambda seen: tiny(seen).softmax(1), layer, multiply_by_inputs=False)
    gradients = [
        weight * captum.attribute(seen, target=CLASSES) for weight, seen, _ in points_of(path, images, baseline)
    ]
    gradient = torch.stack(gradients).sum(0)
    expected = (tiny.features(images) - tiny.features(baseline)) * gradient
    found = asked(FeatureDifference(path=path), tiny, images, baseline=BASELINES[name])
    torch.testing.assert_close(found.values, expected.detach(), rtol=1e-10, atol=1e-14)


def test_on_a_straight_path_it_is_captums_integrated_gradients(straight: Classifier, images: Tensor) -> None:
    points = 20
    captum = LayerIntegratedGradients(lambda seen: straight(seen).softmax(1), straight.network.get_submodule("0"))
    expected = captum.attribute(
        images, torch.zeros_like(images), target=CLASSES, n_steps=points, method="riemann_right"
    ).detach()
    found = asked(FeatureDifference(path=clean_path("release", points)), straight, images)
    torch.testing.assert_close(found.values, expected)


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize("rule", RULES)
def test_it_is_exact_where_the_layer_is_affine_in_the_image(
    rule: str, baseline: str, straight: Classifier, images: Tensor
) -> None:
    path = clean_path(rule, 3)
    approximate, exact = (
        asked(method(path=path), straight, images, baseline=BASELINES[baseline])
        for method in (FeatureDifference, Conductance)
    )
    torch.testing.assert_close(approximate.values, exact.values, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("points", [4, 64])
def test_it_is_not_exact_elsewhere(points: int, smooth: Classifier, images: Tensor) -> None:
    """However many the points; its sum is not complete either."""
    path = clean_path("gauss_legendre", points)
    approximate, exact = (
        asked(method(path=path), smooth, images, images_per_pass=32) for method in (FeatureDifference, Conductance)
    )
    assert (approximate.values - exact.values).norm() > 0.05 * exact.values.norm()
    assert (gap(approximate).abs() > 0.01 * approximate.explained.abs()).all()


def test_it_is_exact_but_for_noise(straight: Classifier, images: Tensor) -> None:
    """Noise moves the end of the path, which exact attribution follows and the features' change does not."""
    path = Path(rule="midpoint", points=4, noise=0.1)
    approximate, exact = (asked(method(path=path), straight, images) for method in (FeatureDifference, Conductance))
    assert not torch.isclose(approximate.values, exact.values, rtol=1e-3).all()


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_attribution_of_the_gradient_that_an_attack_takes(noise: float, tiny: Classifier, images: Tensor) -> None:
    path = Path(points=4, noise=noise)
    points = (point.images for point in path.walk(images, torch.zeros_like(images), DRAWS))
    gradient = average_gradient(tiny, points, CLASSES, class_probability, weights=path.quadrature.weights).plain
    found = attribution_of_path_gradient(tiny, images, CLASSES, gradient)
    expected = asked(FeatureDifference(path=path), tiny, images)
    torch.testing.assert_close(found.values, expected.values)
    torch.testing.assert_close(found.explained, expected.explained)
    assert not found.values.requires_grad
    at_black = tiny.features_and_logits(torch.zeros_like(images[:1]))
    again = attribution_of_path_gradient(tiny, images, CLASSES, gradient, at_black)
    assert torch.equal(again.values, found.values)
    assert torch.equal(again.explained, found.explained)


def test_the_default_path_is_the_releases() -> None:
    assert FeatureDifference().path == Path(rule="release", points=30, noise=0.1)
    assert FeatureDifference(path=clean_path("left", 7)).gradient_evaluations == 7
