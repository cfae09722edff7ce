from collections.abc import Iterable

import pytest
import torch
from captum.attr import LayerGradientXActivation
from torch import Tensor

from naa_lightning.attribution import Path, average_gradient, class_logit, class_probability, equal_weights, unit_norm
from naa_lightning.models import Classifier
from tests.attribution.cases import CLASSES, DRAWS


def probability_gradient(surrogate: Classifier, inputs: Iterable[Tensor], weights: list[float]) -> Tensor:
    return average_gradient(surrogate, inputs, CLASSES, class_probability, weights=weights).plain


def captums_gradient(surrogate: Classifier, images: Tensor) -> Tensor:
    """Of the probability, at the attacked layer."""
    layer = surrogate.network.get_submodule("middle")
    captum = LayerGradientXActivation(lambda seen: surrogate(seen).softmax(1), layer, multiply_by_inputs=False)
    gradient: Tensor = captum.attribute(images, target=CLASSES).detach()
    return gradient


def test_path_gradient_is_captums_mean_layer_gradient(tiny: Classifier, images: Tensor) -> None:
    path = Path(points=5, noise=0.1)
    points = [point.images for point in path.walk(images, torch.zeros_like(images), DRAWS)]
    expected = torch.stack([captums_gradient(tiny, point) for point in points]).mean(dim=0)
    torch.testing.assert_close(probability_gradient(tiny, points, [0.2] * 5), expected)


def test_gradient_of_a_logit_is_captums(tiny: Classifier, images: Tensor) -> None:
    layer = tiny.network.get_submodule("middle")
    captum = LayerGradientXActivation(tiny, layer, multiply_by_inputs=False)
    average = average_gradient(tiny, [images], CLASSES, class_logit, weights=[1.0])
    torch.testing.assert_close(average.plain, captum.attribute(images, target=CLASSES).detach())


@pytest.mark.parametrize("size", [None, 1, 3])
def test_inputs_count_as_their_weights_say(size: int | None, tiny: Classifier, images: Tensor) -> None:
    weights = [0.6, 0.3, 0.1]
    inputs = [images, images / 2, 1 - images]
    average = average_gradient(tiny, iter(inputs), CLASSES, class_probability, weights=weights, images_per_pass=size)
    expected = sum(
        (weight * captums_gradient(tiny, seen) for weight, seen in zip(weights, inputs, strict=True)),
        start=torch.zeros_like(average.plain),
    )
    torch.testing.assert_close(average.plain, expected)
    assert average.balanced is average.plain


@pytest.mark.parametrize("size", [None, 1, 3])
@pytest.mark.parametrize("balance", [0.5, 1.0])
def test_balanced_gradients_are_divided_by_a_power_of_their_norm(
    balance: float, size: int | None, tiny: Classifier, images: Tensor
) -> None:
    weights, inputs = [0.7, 0.3], [images, images / 3]
    average = average_gradient(
        tiny, inputs, CLASSES, class_probability, weights=weights, balance=balance, images_per_pass=size
    )
    expected = torch.zeros_like(average.plain)
    for weight, seen in zip(weights, inputs, strict=True):
        for row, gradient in enumerate(captums_gradient(tiny, seen)):
            expected[row] += weight * gradient / gradient.norm() ** balance
    torch.testing.assert_close(average.balanced, expected)
    torch.testing.assert_close(average.plain, probability_gradient(tiny, inputs, weights))


@pytest.mark.parametrize("size", [None, 1, 3, 100])
@pytest.mark.parametrize(("inputs", "weights"), [(0, 0), (0, 1), (1, 2), (2, 1), (3, 1)])
def test_as_many_inputs_as_weights_are_needed(
    inputs: int, weights: int, size: int | None, tiny: Classifier, images: Tensor
) -> None:
    with pytest.raises(ValueError, match=f"expected {weights} inputs and at least one, got"):
        average_gradient(
            tiny, [images] * inputs, CLASSES, class_probability, weights=[0.5] * weights, images_per_pass=size
        )


def test_equal_weights_are_those_of_a_mean() -> None:
    assert list(equal_weights(4)) == [0.25] * 4


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
