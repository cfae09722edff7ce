from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from naa_lightning.attacks.objectives.prediction_divergence import divergence
from naa_lightning.exceptions import UserError
from naa_lightning.models import Classifier, TrainedModel
from naa_lightning.models.saved import save_model
from naa_lightning.rng import SeededDraws
from naa_lightning.training import TrainingLoss
from naa_lightning.training.losses import AdversarialTraining, CleanTraining, EnsembleAdversarialTraining, Step, Trades

EPS = 8 / 255
BUDGET: dict[str, Any] = {"eps": "8/255", "steps": 1, "relative_step_size": 1.0, "random_start": False}
IMAGES = 0.2 + 0.6 * torch.rand(6, 3, 4, 4, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 1, 0, 1, 0])


def linear(seed: int = 1) -> Classifier:
    """Two classes, so that the cross-entropy's gradient has the sign of the other class's weights less the label's."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Flatten(), nn.Linear(48, 2))
    return Classifier(network, mean=[0.0] * 3, std=[1.0] * 3).train()


def weights(model: Classifier) -> tuple[Tensor, Tensor]:
    layer = model.network[1]  # type: ignore[index]
    return layer.weight.detach(), layer.bias.detach()


def step(model: Classifier, images: Tensor = IMAGES, labels: Tensor = LABELS, number: int = 0) -> Step:
    return Step(model, images, labels, SeededDraws(0, range(len(images))), number)


def cross_entropy(model: Classifier, images: Tensor, smoothing: float = 0.0) -> float:
    weight, bias = weights(model)
    logs = (images.flatten(1) @ weight.T + bias).log_softmax(1)
    true = logs[torch.arange(len(images)), LABELS]
    return float(-((1 - smoothing) * true + smoothing * logs.mean(1)).mean())


def worst_case(model: Classifier, images: Tensor = IMAGES) -> Tensor:
    """Where one signed step of the whole budget leads, in closed form."""
    weight, _ = weights(model)
    away = (weight[1 - LABELS] - weight[LABELS]).view_as(images)
    return (images + EPS * away.sign()).clamp(0, 1)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_clean_training_minimises_cross_entropy(smoothing: float) -> None:
    model = linear()
    loss = CleanTraining(label_smoothing=smoothing)(step(model))
    assert loss.item() == pytest.approx(cross_entropy(model, IMAGES, smoothing), rel=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_adversarial_training_minimises_it_in_the_worst_case(smoothing: float) -> None:
    model = linear()
    loss = AdversarialTraining(**BUDGET, label_smoothing=smoothing)(step(model))
    assert loss.item() == pytest.approx(cross_entropy(model, worst_case(model), smoothing), rel=1e-5)


def test_steps_from_a_random_start_reach_the_worst_case_too() -> None:
    model = linear()
    loss = AdversarialTraining(eps="8/255", steps=7, relative_step_size="1/2", random_start=True)(step(model))
    assert loss.item() == pytest.approx(cross_entropy(model, worst_case(model)), rel=1e-5)


def test_a_large_step_from_a_random_start_stays_within_the_budget() -> None:
    model = linear()
    loss = AdversarialTraining(eps="8/255", steps=1, relative_step_size="5/4", random_start=True)
    adversarial = loss.attack(model, IMAGES, LABELS, SeededDraws(0, range(6)))
    assert (adversarial - IMAGES).abs().max() <= EPS + 1e-6
    inside = ((adversarial - IMAGES).abs() < EPS - 1e-6).float().mean()
    # the starts from which 10/255 does not lead out
    assert inside == pytest.approx((2 * 8 - 10) / (2 * 8), abs=0.06)


def test_trades_adds_the_divergence_between_clean_and_adversarial_predictions() -> None:
    model = linear()
    budget: dict[str, Any] = {"eps": "8/255", "steps": 3, "relative_step_size": 1.0}
    adversarial = Trades(**budget, beta=1.0).attack(model, IMAGES, LABELS, SeededDraws(0, range(6)))
    clean, moved = (torch.distributions.Categorical(logits=model(images).detach()) for images in (IMAGES, adversarial))
    apart = torch.distributions.kl_divergence(clean, moved).mean().item()
    assert apart > 0
    for beta in (0.0, 6.0):
        loss = Trades(**budget, beta=beta)(step(model))
        assert loss.item() == pytest.approx(cross_entropy(model, IMAGES) + beta * apart, rel=1e-5)


def test_trades_crafts_what_diverges_most() -> None:
    model = linear()
    crafted = Trades(eps="8/255", steps=5, relative_step_size="1/2", beta=1.0).attack(
        model, IMAGES, LABELS, SeededDraws(0, range(6))
    )
    weight, _ = weights(model)
    away = (EPS * (weight[1] - weight[0]).sign()).view(3, 4, 4)
    clean = model(IMAGES)
    best = torch.stack([divergence(clean, model((IMAGES + sign * away).clamp(0, 1))) for sign in (1, -1)]).amax(0)
    either = torch.stack([divergence(clean, model((IMAGES + sign * away).clamp(0, 1))) for sign in (1, -1)]).amin(0)
    reached = divergence(clean, model(crafted))
    for got, options in zip(reached.tolist(), zip(best.tolist(), either.tolist(), strict=True), strict=True):
        assert got in (pytest.approx(options[0], rel=1e-3), pytest.approx(options[1], rel=1e-3))


@pytest.fixture
def held_out(tmp_path: Path) -> tuple[str, Classifier]:
    """A saved network and the classifier that it is."""
    options: dict[str, Any] = {"mean": [0.5] * 3, "std": [0.5] * 3, "input_size": [32, 32], "num_classes": 2}
    source = TrainedModel(name="fixed", architecture="plain", models_dir=str(tmp_path), **options)
    torch.manual_seed(3)
    model = source.wrap(source.network(pretrained=False)).eval()
    save_model(tmp_path / "fixed.safetensors", source, model.network, {})
    return str(tmp_path), model


def test_ensemble_adversarial_training_takes_turns_between_models(held_out: tuple[str, Classifier]) -> None:
    folder, fixed = held_out
    model = linear()
    loss = EnsembleAdversarialTraining(models=["fixed"], models_dir=folder, **BUDGET)
    clean = cross_entropy(model, IMAGES)

    images = IMAGES.clone().requires_grad_()
    nn.functional.cross_entropy(fixed(images), LABELS).backward()  # type: ignore[no-untyped-call]
    assert images.grad is not None
    foreign = (IMAGES + EPS * images.grad.sign()).clamp(0, 1)
    expected = [(clean + cross_entropy(model, moved)) / 2 for moved in (worst_case(model), foreign)]
    assert expected[0] - expected[1] > 1e-3
    for number in range(4):
        assert loss(step(model, number=number)).item() == pytest.approx(expected[number % 2], rel=1e-4)


def test_held_out_models_stay_as_they_are(held_out: tuple[str, Classifier]) -> None:
    folder, fixed = held_out
    loss = EnsembleAdversarialTraining(models=["fixed"], models_dir=folder, **BUDGET)
    model = linear()
    loss(step(model, number=1)).backward()  # type: ignore[no-untyped-call]
    (loaded,) = loss.fixed
    assert not loaded.training
    assert all(parameter.grad is None for parameter in loaded.parameters())
    for name, value in fixed.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name])
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_loading_held_out_models_draws_nothing_from_a_training(held_out: tuple[str, Classifier]) -> None:
    loss = EnsembleAdversarialTraining(models=["fixed"], models_dir=held_out[0], **BUDGET)
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    assert len(loss.fixed) == 1
    assert torch.equal(torch.rand(3), expected)


def test_held_out_models_are_looked_for_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere"):
        EnsembleAdversarialTraining(models=["nowhere"], models_dir=str(tmp_path), **BUDGET)
    with pytest.raises(ValueError, match="models must name the fixed models"):
        EnsembleAdversarialTraining(models=[], models_dir=str(tmp_path), **BUDGET)


@pytest.mark.parametrize(
    ("loss", "passes"),
    [
        (CleanTraining(), 1),
        (AdversarialTraining(eps="8/255", steps=3, relative_step_size="1/2", random_start=True), 1),
        (Trades(eps="8/255", steps=3, relative_step_size="1/2", beta=6.0), 2),
    ],
)
def test_crafting_leaves_no_trace_in_the_model(loss: TrainingLoss, passes: int) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model = Classifier(network, mean=[0.5] * 3, std=[0.5] * 3).train()
    loss(step(model)).backward()  # type: ignore[no-untyped-call]
    assert network[1].num_batches_tracked == passes
    assert all(module.training for module in model.modules())
    assert all(parameter.requires_grad and parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CleanTraining(label_smoothing=1.0), r"label_smoothing must be in \[0, 1\), got 1.0"),
        (lambda: AdversarialTraining(**{**BUDGET, "eps": "8"}), "eps must be between 0 and 1"),
        (lambda: AdversarialTraining(**{**BUDGET, "steps": 0}), "steps must be at least 1, got 0"),
        (lambda: AdversarialTraining(**{**BUDGET, "relative_step_size": -1}), "relative_step_size must be at least 0"),
        (lambda: Trades(eps=0.1, steps=1, relative_step_size=1.0, beta=-1), "beta must be at least 0, got -1"),
    ],
)
def test_what_is_out_of_range(make: Callable[[], TrainingLoss], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
