from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from naa_lightning.attacks import Attack, AttackContext, Budget, Momentum, NeuronAttribution, PreparedObjective
from naa_lightning.attribution import RULES, quadrature
from naa_lightning.models import Classifier
from naa_lightning.rng import SeededDraws
from tests.conftest import GoldenNetwork, showing

POINTS, NOISE = 5, 0.1
DRAWS = SeededDraws(0, [0, 1, 2])
LABELS = torch.tensor([0, 7, 3])


@pytest.fixture
def images() -> Tensor:
    return torch.rand(3, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def adversarial(images: Tensor) -> Tensor:
    return (images + 0.05 * torch.randn(images.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)


def below(network: GoldenNetwork, images: Tensor) -> Tensor:
    """The attacked layer's output, written out."""
    features: Tensor = network.conv2(network.conv1((images - 0.5) / 0.5).relu()).relu()
    return features


def above(network: GoldenNetwork, features: Tensor) -> Tensor:
    logits: Tensor = network.fc(network.conv3(features).relu().mean(dim=(2, 3)))
    return logits


def network_of(surrogate: Classifier) -> GoldenNetwork:
    assert isinstance(surrogate.network, GoldenNetwork)
    return surrogate.network


def reference_gradient(network: GoldenNetwork, images: Tensor, *, antithetic: bool = False) -> Tensor:
    """Equation 5, one image and one point after the other."""
    result = []
    for i in range(len(images)):
        total = torch.zeros_like(below(network, images[:1]))
        for point in range(POINTS):
            noise = NOISE * DRAWS.normal("naa/noise", point // 2 if antithetic else point, images)[i : i + 1]
            if antithetic and point % 2 == 1:
                noise = -noise
            features = below(network, (images[i : i + 1] + noise) * (1 - point / POINTS)).detach().requires_grad_()
            probability = torch.softmax(above(network, features), dim=1)[0, LABELS[i]]
            total += torch.autograd.grad(probability, features)[0]
        result.append(total / POINTS)
    return torch.cat(result)


def reference_score(network: GoldenNetwork, images: Tensor, adversarial: Tensor, gamma: float) -> Tensor:
    """Equation 9, neuron by neuron."""
    weights = [gradient / gradient.square().sum().sqrt() for gradient in reference_gradient(network, images)]
    black = below(network, torch.zeros_like(images[:1]))[0]
    scores = []
    for features, weight in zip(below(network, adversarial), weights, strict=True):
        attribution = (features - black) * weight
        positive = torch.where(attribution > 0, attribution, 0.0).sum()
        negative = torch.where(attribution < 0, -attribution, 0.0).sum()
        scores.append(-(positive - gamma * negative))
    return torch.stack(scores)


def prepare(surrogate: Classifier, images: Tensor, gamma: float = 1.0) -> PreparedObjective:
    return NeuronAttribution(path_points=POINTS, noise=NOISE, gamma=gamma).prepare(context(surrogate, images))


def image_gradient(scores: Tensor, images: Tensor) -> Tensor:
    return torch.autograd.grad(scores.sum(), images)[0]


def test_path_gradient_is_that_of_the_plain_network(tiny: Classifier, images: Tensor) -> None:
    prepared = prepare(tiny, images)
    assert prepared.path_gradient is not None
    torch.testing.assert_close(prepared.path_gradient, reference_gradient(network_of(tiny), images))


def context(surrogate: Classifier, images: Tensor) -> AttackContext:
    return AttackContext(surrogate, images, LABELS, DRAWS, view=lambda seen, number: seen)


def test_antithetic_path_gradient_is_that_of_the_plain_network(tiny: Classifier, images: Tensor) -> None:
    """With an odd number of points the last has no partner."""
    assert POINTS % 2 == 1
    prepared = NeuronAttribution(path_points=POINTS, noise=NOISE, antithetic=True).prepare(context(tiny, images))
    assert prepared.path_gradient is not None
    expected = reference_gradient(network_of(tiny), images, antithetic=True)
    torch.testing.assert_close(prepared.path_gradient, expected)
    assert not torch.isclose(expected, reference_gradient(network_of(tiny), images)).all()


@pytest.mark.parametrize("rule", RULES)
def test_path_gradient_is_the_sum_of_the_rule(rule: str, tiny: Classifier, images: Tensor) -> None:
    prepared = NeuronAttribution(path_points=POINTS, rule=rule, noise=0).prepare(context(tiny, images))
    assert prepared.path_gradient is not None
    assert prepared.gradient_evaluations == POINTS
    found, expected = quadrature(rule, POINTS), torch.zeros_like(prepared.path_gradient)
    for position, weight in zip(found.positions, found.weights, strict=True):
        features = below(network_of(tiny), position * images).detach().requires_grad_()
        probabilities = torch.softmax(above(network_of(tiny), features), dim=1)[range(3), LABELS]
        expected += weight * torch.autograd.grad(probabilities.sum(), features)[0]
    torch.testing.assert_close(prepared.path_gradient, expected)


@pytest.mark.parametrize("images_per_pass", [1, 2, 4, 100])
@pytest.mark.parametrize("balance", [0.0, 1.0])
def test_gradients_belong_to_their_images_whatever_goes_through_in_one_pass(
    balance: float, images_per_pass: int, tiny: Classifier, images: Tensor, adversarial: Tensor
) -> None:
    objective = NeuronAttribution(path_points=POINTS, noise=NOISE, balance=balance)
    whole = objective.prepare(context(tiny, images))
    parts = objective.prepare(replace(context(tiny, images), images_per_pass=images_per_pass))
    assert whole.path_gradient is not None
    assert parts.path_gradient is not None
    torch.testing.assert_close(parts.path_gradient, whole.path_gradient, rtol=0, atol=1e-12)
    scores = [prepared.score(adversarial, showing(images)) for prepared in (parts, whole)]
    torch.testing.assert_close(*scores, rtol=0, atol=1e-12)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_score_is_equation_9(gamma: float, tiny: Classifier, images: Tensor, adversarial: Tensor) -> None:
    prepared = prepare(tiny, images, gamma)
    torch.testing.assert_close(
        prepared.score(adversarial, showing(images)), reference_score(network_of(tiny), images, adversarial, gamma)
    )


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_image_gradient_is_that_of_equation_9(
    gamma: float, tiny: Classifier, images: Tensor, adversarial: Tensor
) -> None:
    prepared = prepare(tiny, images, gamma)
    adversarial.requires_grad_()
    reference = reference_score(network_of(tiny), images, adversarial, gamma)
    torch.testing.assert_close(
        image_gradient(prepared.score(adversarial, showing(images)), adversarial),
        image_gradient(reference, adversarial),
    )


def test_the_shortcut_at_gamma_1_differs_by_a_constant(tiny: Classifier, images: Tensor, adversarial: Tensor) -> None:
    shortcut = prepare(tiny, images).score
    general = prepare(tiny, images, 1 + 1e-12).score
    torch.testing.assert_close(
        shortcut(adversarial, showing(images)) - shortcut(images, showing(images)),
        general(adversarial, showing(images)) - general(images, showing(images)),
    )


def test_weights_do_not_follow_the_adversarial_image(tiny: Classifier, images: Tensor, adversarial: Tensor) -> None:
    prepared = prepare(tiny, images)
    before = prepared.score(images, showing(images))
    prepared.score(adversarial, showing(images))
    assert torch.equal(prepared.score(images, showing(images)), before)


@pytest.mark.parametrize(("points", "steps"), [(1, 1), (4, 3), (30, 10)])
def test_only_the_path_runs_above_the_layer(points: int, steps: int, tiny: Classifier, images: Tensor) -> None:
    runs: Counter[str] = Counter()

    def count(name: str) -> Any:
        return lambda *_: runs.update([name])

    for name in ("conv1", "middle", "conv3", "fc"):
        tiny.network.get_submodule(name).register_forward_pre_hook(count(name))
    attack = Attack(objective=NeuronAttribution(path_points=points), update=Momentum(), budget=Budget(steps=steps))
    crafted = attack.craft(tiny, images, LABELS, DRAWS)
    assert runs == {"conv1": points + steps, "middle": points + steps, "conv3": points, "fc": points}
    assert crafted.gradient_evaluations == points + steps


def test_a_surrogate_without_a_layer_is_refused(images: Tensor) -> None:
    surrogate = Classifier(nn.Flatten(), mean=[0.5] * 3, std=[0.5] * 3)
    with pytest.raises(ValueError, match="expected one attacked layer, got none"):
        prepare(surrogate, images)
    attack = Attack(objective=NeuronAttribution(), update=Momentum(), budget=Budget())
    with pytest.raises(ValueError, match="names no attacked layer"):
        attack(surrogate, images, LABELS, DRAWS)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("path_points", 0, "path_points must be at least 1, got 0"),
        ("balance", -0.5, "balance must be at least 0, got -0.5"),
        ("path_points", -3, "path_points must be at least 1, got -3"),
        ("noise", -0.1, r"noise must be at least 0, got -0\.1"),
        ("gamma", -1.0, r"gamma must be at least 0, got -1\.0"),
        ("noise", float("nan"), "noise"),
        ("rule", "simpson", "rule must be one of release, left, right, midpoint, trapezoid, gauss_legendre"),
        ("gamma", float("nan"), "gamma"),
    ],
)
def test_values_out_of_range_are_refused(key: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NeuronAttribution(**{key: value})


def test_the_trapezoidal_rule_needs_two_points() -> None:
    with pytest.raises(ValueError, match="the rule trapezoid needs at least 2 points, got 1"):
        NeuronAttribution(path_points=1, rule="trapezoid")


def point_gradients(surrogate: Classifier, images: Tensor) -> Tensor:
    """(points, B, ...) of the release's path with the noise of `DRAWS`."""
    network, found = network_of(surrogate), []
    for point in range(POINTS):
        noise = NOISE * DRAWS.normal("naa/noise", point, images)
        features = below(network, (images + noise) * (1 - point / POINTS)).detach().requires_grad_()
        probability = torch.softmax(above(network, features), dim=1)[range(3), LABELS].sum()
        found.append(torch.autograd.grad(probability, features)[0])
    return torch.stack(found)


@pytest.mark.parametrize("balance", [0.5, 1.0, 2.0])
def test_balance_weighs_points_by_their_norm(
    tiny: Classifier, images: Tensor, adversarial: Tensor, balance: float
) -> None:
    objective = NeuronAttribution(path_points=POINTS, noise=NOISE, balance=balance)
    prepared = objective.prepare(AttackContext(tiny, images, LABELS, DRAWS, lambda seen, _: seen))
    gradients = point_gradients(tiny, images)
    norms = gradients.square().sum((2, 3, 4), keepdim=True).sqrt()
    assert norms.max() / norms.min() > 1.05
    weights = (gradients / norms**balance).sum(0)
    weights = weights / weights.square().sum((1, 2, 3), keepdim=True).sqrt()
    expected = -(below(network_of(tiny), adversarial) * weights).sum((1, 2, 3))
    torch.testing.assert_close(prepared.score(adversarial, showing(adversarial)), expected)
    # what the statistics are of stays the path's gradient
    torch.testing.assert_close(prepared.path_gradient, gradients.mean(0))


def test_balance_stands_points_without_gradient(tiny: Classifier, images: Tensor) -> None:
    network = network_of(tiny)
    torch.nn.init.zeros_(network.fc.weight)
    objective = NeuronAttribution(path_points=POINTS, balance=0.5)
    prepared = objective.prepare(AttackContext(tiny, images, LABELS, DRAWS, lambda seen, _: seen))
    assert (prepared.score(images, showing(images)) == 0).all()
