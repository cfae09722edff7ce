from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import timm
import torch
from captum.attr import NeuronConductance
from torch import Tensor, nn
from torch.func import jacrev

from naa_lightning.attribution import BASELINES, Conductance, Path, SteppedConductance, attribute
from naa_lightning.models import Classifier
from tests.attacks.objectives.written_out import above, below
from tests.attribution.cases import CLASSES, DRAWS, asked, clean_path, gap, points_of
from tests.attribution.methods.conftest import Photographed

CAPTUMS = {
    "left": "riemann_left",
    "right": "riemann_right",
    "midpoint": "riemann_middle",
    "trapezoid": "riemann_trapezoid",
    "gauss_legendre": "gausslegendre",
}


def from_jacobians(
    path: Path,
    images: Tensor,
    features_of: Callable[[Tensor], Tensor],
    logits_of: Callable[[Tensor, Tensor], Tensor],
    baseline: Tensor | None = None,
) -> Tensor:
    """Conductance as it is defined: the layer's whole Jacobian at every point, image after image.

    The logits are a function of the layer's output and, where a connection goes around the layer, of the image.
    """
    total = torch.zeros_like(features_of(images)).detach()
    for weight, points, directions in points_of(path, images, baseline):
        for i, label in enumerate(CLASSES):
            point = points[i : i + 1]
            slopes = jacrev(features_of)(point)
            changes = (slopes * directions[i]).flatten(total.ndim).sum(-1)
            features = features_of(point).detach().requires_grad_()
            probability = logits_of(features, point).softmax(1)[0, label]
            total[i] += weight * torch.autograd.grad(probability, features)[0][0] * changes[0]
    return total


@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize("rule", ["release", "trapezoid", "gauss_legendre"])
def test_it_is_the_integral_of_gradient_times_jacobian(
    rule: str, noise: float, tiny: Classifier, images: Tensor
) -> None:
    path, baseline = Path(rule=rule, points=4, noise=noise), BASELINES["random"]
    expected = from_jacobians(
        path,
        images,
        lambda seen: below(tiny, seen),
        lambda features, _: above(tiny, features),
        baseline(images, DRAWS, 0),
    )
    found = asked(Conductance(path=path), tiny, images, baseline=baseline).values
    assert expected.abs().max() > 1e-4
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("rule", CAPTUMS)
@pytest.mark.usefixtures("float64_by_default")
def test_it_is_captums_neuron_conductance(rule: str, tiny: Classifier, images: Tensor) -> None:
    """Summed over the image; captum's trapezoids lack one cell of N, so that its sum is made up for that."""
    captum = NeuronConductance(lambda seen: tiny(seen).softmax(1), tiny.network.get_submodule("middle"))
    points, grey = 6, BASELINES["grey"]
    found = asked(Conductance(path=clean_path(rule, points)), tiny, images, baseline=grey).values
    scale = points / (points - 1) if rule == "trapezoid" else 1.0
    for number in found[0].abs().flatten().topk(6).indices.tolist():
        expected = captum.attribute(
            images,
            np.unravel_index(number, found.shape[1:]),
            grey(images, DRAWS, 0),
            target=CLASSES,
            n_steps=points,
            method=CAPTUMS[rule],
        )
        summed = scale * expected.detach().flatten(1).sum(1)
        torch.testing.assert_close(found.flatten(1)[:, number], summed, rtol=1e-10, atol=1e-14)


def test_it_is_captums_on_a_real_network(photographed: Photographed) -> None:
    surrogate, images, classes = photographed.surrogate, photographed.images, photographed.classes
    captum = NeuronConductance(photographed.probabilities, photographed.layer)
    found = attribute(Conductance(path=clean_path("gauss_legendre", 4)), surrogate, images, classes, DRAWS).values
    largest = found.flatten(1).abs().amax(1)
    for image, rank in ((0, 0), (1, 50)):
        number = int(found[image].abs().flatten().topk(rank + 1).indices[-1])
        neuron = np.unravel_index(number, found.shape[1:])
        expected = captum.attribute(images, neuron, target=classes, n_steps=4, method="gausslegendre")
        error = (found.flatten(1)[:, number] - expected.detach().flatten(1).sum(1)).abs()
        assert (error < 1e-4 * largest).all()


class Residual(nn.Module):
    """A connection goes around the attacked layer, and what follows works in place."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3)
        self.layer = nn.Conv2d(4, 4, 3, padding=1)
        self.head = nn.Conv2d(4, 5, 4)

    def forward(self, images: Tensor) -> Tensor:
        stem = self.stem(images).tanh()
        return self.after(self.layer(stem), stem)

    def after(self, features: Tensor, stem: Tensor) -> Tensor:
        features += stem
        logits: Tensor = self.head(features.tanh_()).flatten(1)
        return logits


def test_a_connection_around_the_layer_is_not_the_layers_own(images: Tensor) -> None:
    torch.manual_seed(0)
    network = Residual().double()
    surrogate = Classifier(network, mean=[0.0] * 3, std=[1.0] * 3, layer="layer").double()
    path = clean_path("gauss_legendre", 6)
    found = asked(Conductance(path=path), surrogate, images)
    expected = from_jacobians(
        path,
        images,
        lambda seen: network.layer(network.stem(seen).tanh()),
        lambda features, seen: network.after(features.clone(), network.stem(seen).tanh().detach()),
    )
    torch.testing.assert_close(found.values, expected, rtol=1e-10, atol=1e-14)
    assert (gap(found).abs() > 0.05 * found.explained.abs()).all()


def transformer(layer: str) -> Classifier:
    torch.manual_seed(0)
    network: Any = timm.create_model("vit_tiny_patch16_224", img_size=32, patch_size=8, depth=3, num_classes=10)
    assert all(block.attn.fused_attn for block in network.blocks)
    return Classifier(network, mean=[0.5] * 3, std=[0.5] * 3, layer=layer).double()


def test_fused_attention_below_the_layer() -> None:
    surrogate = transformer("blocks.1")
    images = torch.rand(2, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    exact = asked(Conductance(path=clean_path("gauss_legendre", 16)), surrogate, images)
    assert exact.values.shape == (2, 17, 192)
    torch.testing.assert_close(gap(exact), torch.zeros(2, dtype=torch.float64), rtol=0, atol=1e-8)
    errors = []
    for steps in (16, 32):
        found = asked(SteppedConductance(path=clean_path("trapezoid", steps + 1)), surrogate, images).values
        errors.append(float((found - exact.values).norm() / exact.values.norm()))
    assert errors[1] < 0.02
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.1)


def test_a_layer_that_does_not_depend_on_the_image_gets_nothing(images: Tensor) -> None:
    class Constant(nn.Module):
        def forward(self, seen: Tensor) -> Tensor:
            return torch.ones(len(seen), 5, dtype=seen.dtype)

    surrogate = Classifier(nn.Sequential(Constant(), nn.Linear(5, 5)), mean=[0.0] * 3, std=[1.0] * 3, layer="0")
    found = asked(Conductance(path=clean_path("midpoint", 2)), surrogate.double(), images)
    assert torch.equal(found.values, torch.zeros(2, 5, dtype=torch.float64))


def test_it_takes_one_gradient_per_point() -> None:
    assert Conductance(path=clean_path("left", 7)).gradient_evaluations == 7
