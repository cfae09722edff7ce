import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from naa_lightning.attacks import (
    Attack,
    BlackBoxFeature,
    Budget,
    CrossEntropy,
    DoubleAdversarialAttribution,
    FeatureDisruption,
    FeatureImportance,
    Goal,
    Momentum,
    NeuronAttribution,
    Objective,
    PerturbationDecay,
    RandomPatch,
    RepresentationDistortion,
    ScaleInvariant,
    SeededDraws,
    Task,
)
from naa_lightning.attacks.objectives.neuron_attribution import TRANSFORMATIONS
from naa_lightning.models import Classifier
from tests.conftest import GoldenNetwork, showing

DRAWS = SeededDraws(0, [0, 1, 2])
LABELS = torch.tensor([0, 7, 3])
ATTRIBUTING: dict[str, Objective] = {
    "naa": NeuronAttribution(path_points=4),
    "fia": FeatureImportance(masks=4),
    "rpa": RandomPatch(masks=4),
    "danaa": DoubleAdversarialAttribution(path_points=4),
    "bfa": BlackBoxFeature(fits=4),
}
UNTARGETABLE: list[Objective] = [
    RepresentationDistortion(),
    FeatureDisruption(),
    DoubleAdversarialAttribution(),
    BlackBoxFeature(),
]


@dataclass
class Views:
    """What a surrogate sees in which pass: the images themselves, kept."""

    seen: dict[int, Tensor] = field(default_factory=dict)

    def __call__(self, images: Tensor, number: int) -> Tensor:
        assert number not in self.seen
        self.seen[number] = images.detach()
        return images

    @property
    def copies(self) -> list[Tensor]:
        return list(self.seen.values())


def random_images(seed: int, *size: int) -> Tensor:
    shape = (3, 3, *(size or (8, 8)))
    return 0.05 + 0.9 * torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def images() -> Tensor:
    return random_images(0)


@pytest.fixture
def adversarial(images: Tensor) -> Tensor:
    return (images + 0.2 * (random_images(1) - 0.5)).clamp(0, 1)


def prepare(objective: Objective, surrogate: Classifier, images: Tensor, views: Views | None = None) -> Goal:
    return objective.prepare(Task(surrogate, images, LABELS, DRAWS, views or Views()))


def network_of(surrogate: Classifier) -> GoldenNetwork:
    assert isinstance(surrogate.network, GoldenNetwork)
    return surrogate.network


def below(surrogate: Classifier, images: Tensor) -> Tensor:
    """The attacked layer's output, written out."""
    network = network_of(surrogate)
    features: Tensor = network.conv2(network.conv1((images - 0.5) / 0.5).relu()).relu()
    return features


def above(surrogate: Classifier, features: Tensor) -> Tensor:
    network = network_of(surrogate)
    logits: Tensor = network.fc(network.conv3(features).relu().mean(dim=(2, 3)))
    return logits


def different(tensors: Tensor) -> int:
    """How many different ones there are along the first dimension."""
    return len({tensor.numpy().tobytes() for tensor in tensors})


def gradient_of(score: Tensor, at: Tensor) -> Tensor:
    return torch.autograd.grad(score.sum(), at)[0]


def logit_gradient(surrogate: Classifier, images: Tensor) -> Tensor:
    """Of the label's logit with respect to the attacked layer, one image after the other."""
    gradients = []
    for image, label in zip(images, LABELS, strict=True):
        features = below(surrogate, image[None]).detach().requires_grad_()
        gradients.append(gradient_of(above(surrogate, features)[0, label], features))
    return torch.cat(gradients)


def scaled(gradients: Tensor) -> Tensor:
    return torch.stack([gradient / gradient.square().sum().sqrt() for gradient in gradients])


def assert_weighs(goal: Goal, weights: Tensor, surrogate: Classifier, images: Tensor) -> None:
    """What the goal increases is -sum(y w), and so are its gradients."""
    for seed in range(2, 5):
        point = random_images(seed, *images.shape[2:]).requires_grad_()
        ours, expected = goal.score(point, showing(images)), -(below(surrogate, point) * weights).sum((1, 2, 3))
        torch.testing.assert_close(ours, expected)
        torch.testing.assert_close(gradient_of(ours, point), gradient_of(expected, point))


# NRDM


def test_nrdm_is_the_distance_of_the_features(tiny: Classifier, images: Tensor, adversarial: Tensor) -> None:
    goal = prepare(RepresentationDistortion(), tiny, images)
    for clean in (images, random_images(3)):  # what is seen of the clean image may change
        change = (below(tiny, adversarial) - below(tiny, clean)).flatten(1)
        torch.testing.assert_close(goal.score(adversarial, showing(clean)), change.square().sum(1).sqrt())
    assert not goal.score(images, showing(images)).any()
    assert goal.gradient_evaluations == 0


@pytest.mark.parametrize("start_noise", ["0.1/255", 0.02])
def test_nrdm_starts_beside_the_image(start_noise: float | str, tiny: Classifier) -> None:
    images = random_images(0, 64, 64)
    goal = prepare(RepresentationDistortion(start_noise=start_noise), tiny, images)
    assert goal.start is not None
    noise = goal.start - images
    expected = 0.1 / 255 if isinstance(start_noise, str) else start_noise
    assert float(noise.std()) == pytest.approx(expected, rel=0.03)
    assert abs(float(noise.mean())) < 4 * expected / noise.numel() ** 0.5
    assert different(noise) == 3


def test_nrdm_moves_features_although_the_image_itself_has_no_gradient(tiny: Classifier, images: Tensor) -> None:
    goal = prepare(RepresentationDistortion(), tiny, images)
    point = images.clone().requires_grad_()
    assert not gradient_of(goal.score(point, showing(images.clone())), point).any()
    attack = Attack(objective=RepresentationDistortion(), update=Momentum(), budget=Budget(eps=0.1, steps=1))
    assert (goal.score(attack(tiny, images, LABELS, DRAWS).images, showing(images)) > 0.1).all()


# FDA


class TokenNetwork(nn.Module):
    """Puts out tokens (B, N, D) at `tokens`."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 2, stride=2)
        self.tokens = nn.Identity()
        self.fc = nn.Linear(6, 10)

    def forward(self, inputs: Tensor) -> Tensor:
        tokens: Tensor = self.tokens(self.conv(inputs).flatten(2).transpose(1, 2))
        logits: Tensor = self.fc(tokens.mean(1))
        return logits


def fda(before: Tensor, after: Tensor, channels: int) -> list[float]:
    """Per image, log of the half square sum where features were weak, less that where they were strong."""
    scores = []
    for clean, adversarial in zip(before.detach().numpy(), after.detach().numpy(), strict=True):
        weak = clean < np.mean(clean, axis=channels, keepdims=True)
        squares = adversarial**2
        scores.append(float(np.log(squares[weak].sum() / 2) - np.log(squares[~weak].sum() / 2)))
    return scores


def test_fda_compares_maps_along_their_channels(tiny: Classifier, images: Tensor, adversarial: Tensor) -> None:
    goal = prepare(FeatureDisruption(), tiny, images)
    for clean in (images, random_images(3)):
        expected = fda(below(tiny, clean), below(tiny, adversarial), channels=0)
        assert goal.score(adversarial, showing(clean)).tolist() == pytest.approx(expected)


def test_fda_compares_tokens_along_their_features(images: Tensor, adversarial: Tensor) -> None:
    torch.manual_seed(0)
    network = TokenNetwork().double()
    surrogate = Classifier(network, mean=[0.5] * 3, std=[0.5] * 3, layer="tokens").double()
    goal = prepare(FeatureDisruption(), surrogate, images)
    tokens = [network.conv(2 * seen - 1).flatten(2).transpose(1, 2) for seen in (images, adversarial)]
    assert goal.score(adversarial, showing(images)).tolist() == pytest.approx(fda(tokens[0], tokens[1], channels=1))


def test_fda_takes_features_at_the_mean_for_strong(images: Tensor, adversarial: Tensor) -> None:
    """With a layer that puts out the image itself, whose upper half is grey."""
    network = nn.Sequential(nn.Identity(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    surrogate = Classifier(network, mean=[0.0] * 3, std=[1.0] * 3, layer="0").double()
    images[:, :, :4] = 0.5
    score = prepare(FeatureDisruption(), surrogate, images).score(adversarial, showing(images))
    assert score.tolist() == pytest.approx(fda(images, adversarial, channels=0))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_fda_is_finite_where_all_features_are_zero(dtype: torch.dtype, tiny: Classifier, images: Tensor) -> None:
    surrogate, point = tiny.to(dtype), images.to(dtype).requires_grad_()
    nn.init.constant_(network_of(surrogate).get_parameter("conv2.bias"), -1e6)
    assert not surrogate.features(point).any()
    score = prepare(FeatureDisruption(), surrogate, images.to(dtype)).score(point, showing(images.to(dtype)))
    assert score.isfinite().all()
    assert torch.equal(gradient_of(score, point), torch.zeros_like(point))


# FIA and RPA


def test_fia_that_keeps_all_weighs_by_the_logits_gradient(tiny: Classifier, images: Tensor) -> None:
    goal = prepare(FeatureImportance(masks=3, keep=1), tiny, images)
    assert_weighs(goal, scaled(logit_gradient(tiny, images)), tiny, images)


def test_fia_weighs_by_the_average_over_its_copies(tiny: Classifier, images: Tensor) -> None:
    views = Views()
    goal = prepare(FeatureImportance(masks=5, keep=0.7), tiny, images, views)
    assert len(views.copies) == goal.gradient_evaluations == 5
    weights = scaled(torch.stack([logit_gradient(tiny, copy) for copy in views.copies]).mean(0))
    assert_weighs(goal, weights, tiny, images)


@pytest.mark.parametrize("keep", [0.7, 0.9])
def test_fia_drops_values_at_random(keep: float, tiny: Classifier) -> None:
    images, views = random_images(0, 24, 24), Views()
    prepare(FeatureImportance(masks=6, keep=keep), tiny, images, views)
    kept = torch.stack([copy == images for copy in views.copies])
    assert torch.equal(torch.stack(views.copies), torch.where(kept, images, 0))
    spread = math.sqrt(keep * (1 - keep) / kept[0, 0, 0].numel())
    assert (kept.double().mean((3, 4)) - keep).abs().max() < 4 * spread  # in every copy, image and channel
    assert different(kept.flatten(0, 2)) == 6 * 3 * 3


def test_rpa_weighs_by_the_average_over_its_copies(tiny: Classifier, images: Tensor) -> None:
    views = Views()
    goal = prepare(RandomPatch(masks=5), tiny, images, views)
    assert len(views.copies) == goal.gradient_evaluations == 5
    weights = scaled(torch.stack([logit_gradient(tiny, copy) for copy in views.copies]).mean(0))
    assert_weighs(goal, weights, tiny, images)


@pytest.mark.parametrize("patches", [(1,), (1, 3, 5, 7)])
def test_rpa_that_keeps_all_is_fia_that_keeps_all(patches: tuple[int, ...], tiny: Classifier, images: Tensor) -> None:
    goal = prepare(RandomPatch(masks=4, keep=1, patches=patches), tiny, images)
    assert_weighs(goal, scaled(logit_gradient(tiny, images)), tiny, images)


def test_rpa_changes_whole_squares_of_single_channels(tiny: Classifier) -> None:
    """Patches of the sides 1, 3, 5 and 7 in turn; what is left at the edges is kept."""
    images, views = random_images(0, 47, 44), Views()
    prepare(RandomPatch(masks=8, keep=0.7), tiny, images, views)
    for number, copy in enumerate(views.copies):
        side = (1, 3, 5, 7)[number % 4]
        changed = copy != images
        rows, columns = 47 // side, 44 // side
        assert not changed[:, :, rows * side :].any()
        assert not changed[:, :, :, columns * side :].any()
        inside = changed[:, :, : rows * side, : columns * side].reshape(3, 3, rows, side, columns, side)
        patches = inside.any(5).any(3)
        assert torch.equal(inside.all(5).all(3), patches)
        spread = math.sqrt(0.7 * 0.3 / patches[0, 0].numel())
        assert (patches.double().mean((2, 3)) - 0.3).abs().max() < 4 * spread
        assert different(patches.flatten(0, 1)) == 9  # no image or channel like another


def test_rpa_multiplies_every_changed_value_by_a_number_of_its_own(tiny: Classifier) -> None:
    images, views = random_images(0, 44, 44), Views()
    prepare(RandomPatch(masks=2, keep=0.5, patches=(7,)), tiny, images, views)
    factors = [(copy / images)[copy != images] for copy in views.copies]
    for drawn in factors:
        assert different(drawn) == len(drawn)
        assert drawn.min() >= 0
        assert drawn.max() < 1
        assert float(drawn.mean()) == pytest.approx(0.5, abs=0.03)
        assert float(drawn.std()) == pytest.approx(math.sqrt(1 / 12), abs=0.02)
    assert not np.isin(factors[0].numpy().round(9), factors[1].numpy().round(9)).any()


# NAA


FORMULAS: dict[str, Callable[[float], float]] = {
    "identity": lambda a: a,
    "log": lambda a: math.log(1 + a),
    "exponential": lambda a: math.exp(a) - 1,
    "tanh": math.tanh,
    "square": lambda a: a * a,
}


def test_transformations_of_attributions_are_their_formulas() -> None:
    values = [0.0, 1e-3, 0.5, 1.0, 3.0]
    assert set(TRANSFORMATIONS) == set(FORMULAS)
    for name, formula in FORMULAS.items():
        transformed = TRANSFORMATIONS[name](torch.tensor(values, dtype=torch.float64)).tolist()
        assert transformed == pytest.approx([formula(value) for value in values])


@pytest.mark.parametrize("gamma", [0.5, 1.0])
@pytest.mark.parametrize(("positive", "negative"), list(product(FORMULAS, FORMULAS)))
def test_naa_transforms_positive_and_negative_attributions(
    positive: str, negative: str, gamma: float, tiny: Classifier, images: Tensor, adversarial: Tensor
) -> None:
    """Neuron by neuron; where the score is a sum of attributions alone, that of black is left out of it."""
    objective = NeuronAttribution(path_points=3, gamma=gamma, positive=positive, negative=negative)
    goal = prepare(objective, tiny, images)
    assert goal.path_gradient is not None
    weights = scaled(goal.path_gradient)
    black = below(tiny, torch.zeros_like(images))
    attributions = ((below(tiny, adversarial) - black) * weights).flatten(1).tolist()
    expected = torch.tensor(
        [
            -(
                sum(FORMULAS[positive](a) for a in image if a > 0)
                - gamma * sum(FORMULAS[negative](-a) for a in image if a < 0)
            )
            for image in attributions
        ],
        dtype=torch.float64,
    )
    linear = gamma == 1 and positive == negative == "identity"
    constant = (black * weights).sum((1, 2, 3)) if linear else 0
    torch.testing.assert_close(goal.score(adversarial, showing(images)), expected - constant)


def test_naas_linear_score_has_the_gradient_of_the_full_one(tiny: Classifier, images: Tensor) -> None:
    """Rounding aside, gamma just beside 1 is gamma 1."""
    linear, full = (prepare(NeuronAttribution(path_points=3, gamma=gamma), tiny, images) for gamma in (1, 1 + 1e-12))
    point = random_images(2).requires_grad_()
    torch.testing.assert_close(
        gradient_of(linear.score(point, showing(images)), point), gradient_of(full.score(point, showing(images)), point)
    )


# DANAA


@pytest.mark.parametrize("path_step", [0.0, 0.02])
def test_danaa_walks_the_path_of_an_adversarial_image(path_step: float, tiny: Classifier, images: Tensor) -> None:
    views = Views()
    objective = DoubleAdversarialAttribution(path_points=5, path_step=path_step, noise=0.125)
    goal = prepare(objective, tiny, images, views)
    weights = []
    for i, label in enumerate(LABELS):
        x, total = images[i : i + 1], torch.zeros(1, 16, 4, 4, dtype=torch.float64)
        for index in range(5):
            point = (x + 0.125 * DRAWS.normal("danaa/noise", index, images)[i]).requires_grad_()
            torch.testing.assert_close(views.copies[index][i : i + 1], point.detach())
            features = below(tiny, point)
            probability = above(tiny, features).softmax(1)[0, label]
            total += torch.autograd.grad(probability, features, retain_graph=True)[0]
            x = x - path_step * gradient_of(probability, point).sign()
        weights.append(scaled(total))
    assert_weighs(goal, torch.cat(weights), tiny, images)
    assert goal.gradient_evaluations == 5


def test_danaas_path_lowers_the_probability(tiny: Classifier, images: Tensor) -> None:
    views = Views()
    prepare(DoubleAdversarialAttribution(path_points=10, path_step=0.02, noise=0), tiny, images, views)
    probabilities = [tiny(copy).softmax(1)[range(3), LABELS] for copy in views.copies]
    assert (probabilities[-1] < probabilities[0]).all()


# ILPD


def test_ilpd_without_decay_is_cross_entropy(tiny: Classifier, images: Tensor, adversarial: Tensor) -> None:
    score = prepare(PerturbationDecay(share=1, noise=0), tiny, images).score(adversarial, showing(images))
    torch.testing.assert_close(score, prepare(CrossEntropy(), tiny, images).score(adversarial, showing(images)))
    torch.testing.assert_close(score, -tiny(adversarial).log_softmax(1)[range(3), LABELS])


@pytest.mark.parametrize(("share", "noise"), [(0.1, 0.05), (0.6, 0.0), (0.3, 0.2)])
def test_ilpd_goes_on_from_the_damped_features(share: float, noise: float, tiny: Classifier, images: Tensor) -> None:
    goal = prepare(PerturbationDecay(share=share, noise=noise), tiny, images)
    for index, clean in enumerate([images, images, random_images(3)]):
        point = random_images(index + 4).requires_grad_()
        noisy = clean + noise * DRAWS.normal("ilpd/noise", index, clean)
        reference = below(tiny, noisy).detach()
        logits = above(tiny, reference + share * (below(tiny, point) - reference))
        expected = torch.stack([-logits[i].log_softmax(0)[label] for i, label in enumerate(LABELS)])
        ours = goal.score(point, showing(clean))
        torch.testing.assert_close(ours, expected)
        torch.testing.assert_close(gradient_of(ours, point), gradient_of(expected, point))


def test_ilpd_draws_fresh_noise_for_every_gradient(tiny: Classifier, images: Tensor) -> None:
    noisy, quiet = (prepare(PerturbationDecay(noise=noise), tiny, images).score for noise in (0.05, 0.0))
    assert not torch.equal(noisy(images, showing(images)), noisy(images, showing(images)))
    assert torch.equal(quiet(images, showing(images)), quiet(images, showing(images)))


# BFA


@pytest.mark.parametrize("reach", [0.5, 28.0])
def test_bfa_fits_images_against_the_true_class(reach: float, tiny: Classifier, images: Tensor) -> None:
    goal = prepare(BlackBoxFeature(fits=4, reach=reach), tiny, images)
    weights = []
    for image, label in zip(images, LABELS, strict=True):
        fitted, total = image[None], torch.zeros(1, 16, 4, 4, dtype=torch.float64)
        for _ in range(4):
            point = fitted.detach().requires_grad_()
            gradient = gradient_of(F.cross_entropy(above(tiny, below(tiny, point)), label[None]), point)
            fitted = image[None] + reach * gradient / gradient.norm()
            features = below(tiny, fitted).detach().requires_grad_()
            total += gradient_of(above(tiny, features)[0, label], features)
        weights.append(scaled(total))
    assert_weighs(goal, torch.cat(weights), tiny, images)
    assert goal.gradient_evaluations == 8


# All of them


@pytest.mark.parametrize("name", ATTRIBUTING)
def test_weights_come_from_passes_of_their_own(name: str, tiny: Classifier, images: Tensor) -> None:
    """Their numbers are below 0, so that transforms draw otherwise than in the steps; no number comes twice."""
    views = Views()
    goal = prepare(ATTRIBUTING[name], tiny, images, views)
    assert sorted(views.seen) == list(range(-goal.gradient_evaluations, 0))


@pytest.mark.parametrize("name", ATTRIBUTING)
def test_weights_are_found_on_what_the_surrogate_sees(name: str, tiny: Classifier, images: Tensor) -> None:
    def grey(seen: Tensor, number: int) -> Tensor:
        return 0.2 * seen + 0.4

    goal, plain = (
        ATTRIBUTING[name].prepare(Task(tiny, images, LABELS, DRAWS, grey)),
        prepare(ATTRIBUTING[name], tiny, images),
    )
    assert not torch.isclose(goal.score(images, showing(images)), plain.score(images, showing(images))).any()


@pytest.mark.parametrize("name", ATTRIBUTING)
def test_weights_belong_to_the_image(name: str, tiny: Classifier, images: Tensor) -> None:
    together = prepare(ATTRIBUTING[name], tiny, images).score(images, showing(images))
    for i in range(3):
        alone = images[i : i + 1]
        task = Task(tiny, alone, LABELS[i : i + 1], SeededDraws(0, [i]), Views())
        torch.testing.assert_close(ATTRIBUTING[name].prepare(task).score(alone, showing(alone)), together[i : i + 1])


@pytest.mark.parametrize("objective", UNTARGETABLE, ids=lambda objective: type(objective).__name__)
def test_objectives_without_a_class_cannot_be_targeted(objective: Objective) -> None:
    name, reason = type(objective).__name__, objective.untargetable
    assert reason
    with pytest.raises(ValueError, match=f"^{name} cannot be targeted: {reason}$"):
        Attack(objective=objective, update=Momentum(), budget=Budget(), targeted=True)


@pytest.mark.parametrize("scales", [1, 2])
def test_targeted_cross_entropy_decreases_the_targets_loss(scales: int, tiny: Classifier, images: Tensor) -> None:
    def loss(seen: Tensor) -> Tensor:
        losses: Tensor = -tiny(seen).log_softmax(1)[range(3), LABELS]
        return losses

    for targeted, sign in ((False, 1), (True, -1)):
        attack = Attack(
            objective=CrossEntropy(),
            update=Momentum(),
            budget=Budget(eps=0.05, steps=5),
            transforms=[ScaleInvariant(copies=scales)],
            targeted=targeted,
        )
        crafted = attack(tiny, images, LABELS, DRAWS).images
        assert (sign * (loss(crafted) - loss(images)) > 1e-4).all()


@pytest.mark.parametrize(
    "objective",
    [NeuronAttribution(), FeatureImportance(), RandomPatch()],
    ids=lambda objective: type(objective).__name__,
)
def test_targeted_feature_objectives_raise_the_weighted_features(
    objective: Objective, tiny: Classifier, images: Tensor
) -> None:
    goal = prepare(objective, tiny, images)
    attack = Attack(objective=objective, update=Momentum(), budget=Budget(eps=0.05, steps=5), targeted=True)
    crafted = attack(tiny, images, LABELS, DRAWS).images
    assert (goal.score(crafted, showing(images)) < goal.score(images, showing(images))).all()


@pytest.mark.parametrize(
    ("make", "key", "value", "message"),
    [
        (RepresentationDistortion, "start_noise", 0, "start_noise must be positive, got 0"),
        (RepresentationDistortion, "start_noise", "-1/255", "start_noise must be positive, got -1/255"),
        (RepresentationDistortion, "start_noise", math.nan, "start_noise must be positive, got nan"),
        (RepresentationDistortion, "start_noise", "a", "start_noise must be a number or a fraction such as 16/255"),
        (FeatureImportance, "masks", 0, "masks must be at least 1, got 0"),
        (FeatureImportance, "keep", 0.0, r"keep must be in \(0, 1\], got 0\.0"),
        (FeatureImportance, "keep", 1.1, r"keep must be in \(0, 1\], got 1\.1"),
        (FeatureImportance, "keep", math.nan, r"keep must be in \(0, 1\], got nan"),
        (RandomPatch, "masks", 0, "masks must be at least 1, got 0"),
        (RandomPatch, "keep", -0.1, r"keep must be in \(0, 1\], got -0\.1"),
        (RandomPatch, "patches", [], r"patches must hold sides of at least 1 pixel, got \[\]"),
        (RandomPatch, "patches", [3, 0], r"patches must hold sides of at least 1 pixel, got \[3, 0\]"),
        (NeuronAttribution, "path_points", 0, "path_points must be at least 1, got 0"),
        (NeuronAttribution, "noise", -0.1, r"noise must be at least 0, got -0\.1"),
        (NeuronAttribution, "gamma", math.inf, "gamma must be at least 0, got inf"),
        (NeuronAttribution, "positive", "cube", "positive must be one of identity, log, .*, got 'cube'"),
        (NeuronAttribution, "negative", "", "negative must be one of identity, log, .*, got ''"),
        (DoubleAdversarialAttribution, "path_points", 0, "path_points must be at least 1, got 0"),
        (DoubleAdversarialAttribution, "path_step", -0.1, r"path_step must be at least 0, got -0\.1"),
        (DoubleAdversarialAttribution, "path_step", "x", "path_step must be a number or a fraction such as 16/255"),
        (DoubleAdversarialAttribution, "noise", math.nan, "noise must be at least 0, got nan"),
        (PerturbationDecay, "share", 0.0, r"share must be in \(0, 1\], got 0\.0"),
        (PerturbationDecay, "share", 1.5, r"share must be in \(0, 1\], got 1\.5"),
        (PerturbationDecay, "noise", -0.1, r"noise must be at least 0, got -0\.1"),
        (BlackBoxFeature, "fits", 0, "fits must be at least 1, got 0"),
        (BlackBoxFeature, "reach", -1.0, r"reach must be at least 0, got -1\.0"),
        (BlackBoxFeature, "reach", math.inf, "reach must be at least 0, got inf"),
    ],
)
def test_values_out_of_range_are_refused(make: Callable[..., Objective], key: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**{key: value})
