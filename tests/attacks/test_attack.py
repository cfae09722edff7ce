from collections.abc import Callable
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn

from naa_lightning.attacks import (
    Admix,
    Attack,
    Budget,
    CrossEntropy,
    Momentum,
    Nesterov,
    NeuronAttribution,
    Objective,
    PatchWise,
    ScaleInvariant,
    Smoothing,
    Transform,
    TranslationInvariant,
)
from naa_lightning.attacks.objectives import AttackContext, PreparedObjective
from naa_lightning.attacks.updates import Step
from naa_lightning.models import Classifier, Ensemble, as_classifier
from naa_lightning.models.layer import LayerError
from naa_lightning.rng import Draws, SeededDraws
from tests.conftest import GoldenNetwork

LABELS = torch.tensor([0, 3])
DRAWS = SeededDraws(0, [0, 1])


def attack(**parts: object) -> Attack:
    return Attack(**{"objective": CrossEntropy(), "update": Momentum(), "budget": Budget(steps=3), **parts})  # type: ignore[arg-type]


def random_images(count: int = 2) -> Tensor:
    return torch.rand(count, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def single() -> Classifier:
    torch.manual_seed(0)
    return Classifier(GoldenNetwork(), mean=[0.5] * 3, std=[0.5] * 3, layer="middle")


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.rand(2, 1, 8, 8), "expected float images of shape"),
        (torch.rand(3, 8, 8), "expected float images of shape"),
        (torch.ones(2, 3, 8, 8, dtype=torch.int64), "expected float images of shape .* got torch.int64"),
        (torch.ones(2, 3, 8, 8, dtype=torch.uint8), "expected float images of shape .* got torch.uint8"),
        (torch.full((2, 3, 8, 8), 1.01), r"expected images in \[0, 1\], got \[1.01, 1.01\]"),
        (torch.full((2, 3, 8, 8), -0.01), r"expected images in \[0, 1\], got \[-0.01, -0.01\]"),
        (torch.full((2, 3, 8, 8), torch.nan), r"expected images in \[0, 1\], got \[nan, nan\]"),
    ],
)
def test_wrong_images_are_refused(images: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        attack()(single(), images, torch.tensor([0, 1]), SeededDraws(0, [0, 1]))


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 1), (2, 10)])
def test_wrong_labels_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected labels of shape \(2,\), got"):
        attack()(single(), random_images(2).float(), torch.zeros(shape).long(), SeededDraws(0, [0, 1]))


class Filter(Smoothing):
    """Any function of the gradient."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        self.function = function

    def __call__(self, gradient: Tensor) -> Tensor:
        return self.function(gradient)


class Shifted(Transform):
    """Sees images moved by one pixel to the right, as many as there are copies."""

    def __init__(self, copies: int) -> None:
        self.copies = copies

    def __call__(self, images: Tensor, index: int, draws: Draws) -> Tensor:
        return images.roll(index % self.copies, dims=3)


def gradient(surrogate: Classifier, images: Tensor, shift: int, scale: float) -> Tensor:
    images = images.clone().requires_grad_()
    seen = 0.5 + (images.roll(shift, dims=3) - 0.5) * scale
    loss = torch.nn.functional.cross_entropy(surrogate(seen), LABELS, reduction="sum")
    return torch.autograd.grad(loss, images)[0]


def test_the_gradient_is_averaged_over_all_copies(tiny: Classifier) -> None:
    images = random_images()
    transforms: list[Transform] = [Shifted(copies=3), ScaleInvariant(copies=2)]
    crafted = attack(transforms=transforms, budget=Budget(steps=1)).craft(tiny, images, LABELS, DRAWS)
    mean = sum(gradient(tiny, images, shift, scale) for shift in range(3) for scale in (1.0, 0.5))
    assert isinstance(mean, Tensor)
    torch.testing.assert_close(crafted.images, (images + 16 / 255 * mean.sign()).clamp(0, 1), rtol=0, atol=1e-12)
    assert crafted.gradient_evaluations == 6


def test_a_targeted_attack_descends(tiny: Classifier) -> None:
    images = random_images()
    crafted = attack(targeted=True, budget=Budget(steps=1)).craft(tiny, images, LABELS, DRAWS)
    expected = (images - 16 / 255 * gradient(tiny, images, 0, 1.0).sign()).clamp(0, 1)
    torch.testing.assert_close(crafted.images, expected, rtol=0, atol=1e-12)


def test_smoothing_is_applied_to_the_gradient(tiny: Classifier) -> None:
    images = random_images()
    flip = Filter(lambda gradient: -gradient.flip(2))
    crafted = attack(smoothing=flip, budget=Budget(steps=1)).craft(tiny, images, LABELS, DRAWS)
    expected = (images - 16 / 255 * gradient(tiny, images, 0, 1.0).flip(2).sign()).clamp(0, 1)
    torch.testing.assert_close(crafted.images, expected, rtol=0, atol=1e-12)


def test_a_random_start_is_within_its_distance(tiny: Classifier) -> None:
    images = random_images()
    still = Budget(eps="16/255", steps=1, step_size=0, random_start="4/255")
    started = attack(budget=still)(tiny, images, LABELS, DRAWS)
    assert 3.5 / 255 < (started - images).abs().max() <= 4 / 255
    assert torch.equal(attack(budget=still)(tiny, images, LABELS, DRAWS), started)


def test_transforms_are_seen_when_weights_are_computed(tiny: Classifier) -> None:
    """Constant images carry no information, so that all path points give the same gradient as black."""

    class Black(Transform):
        def __call__(self, images: Tensor, index: int, draws: Draws) -> Tensor:
            return images * 0

    images = random_images()
    naa = attack(objective=NeuronAttribution(path_points=3), transforms=[Black()])
    ((part, path_gradient),) = naa.craft(tiny, images, LABELS, DRAWS).path_gradients
    black = part.layer_gradient(images * 0, lambda logits: logits.softmax(1).gather(1, LABELS[:, None])[:, 0])
    torch.testing.assert_close(path_gradient, black)


@pytest.mark.parametrize("update", [Nesterov(), PatchWise()])
def test_updates_of_pixel_values_refuse_an_l2_budget(update: Nesterov | PatchWise) -> None:
    with pytest.raises(ValueError, match=f"{type(update).__name__} works with budgets of the norm linf, got l2"):
        attack(update=update, budget=Budget(norm="l2", eps=1.0))


def test_two_transforms_of_one_kind_are_refused() -> None:
    with pytest.raises(ValueError, match="two transforms of one kind would draw the same numbers"):
        attack(transforms=[ScaleInvariant(copies=2), ScaleInvariant(copies=3)])


@pytest.mark.parametrize(
    ("key", "part", "message"),
    [
        ("objective", Momentum(), "expected a part of the class Objective, got Momentum"),
        ("objective", CrossEntropy, "expected a part of the class Objective, got ABCMeta"),
        ("update", CrossEntropy(), "expected a part of the class Update, got CrossEntropy"),
        ("budget", "16/255", "expected a part of the class Budget, got str"),
        (
            "transforms",
            [ScaleInvariant(), TranslationInvariant()],
            "expected a part of the class Transform, got Trans",
        ),
        ("smoothing", ScaleInvariant(), "expected a part of the class Smoothing, got ScaleInvariant"),
        ("smoothing", lambda gradient: gradient, "expected a part of the class Smoothing, got function"),
    ],
)
def test_parts_of_the_wrong_kind_are_refused(key: str, part: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        attack(**{key: part})


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_a_gradient_that_is_not_finite_keeps_the_budget(norm: str, value: float, tiny: Classifier) -> None:
    """Only of the first image; the second is attacked as ever."""

    def spoil(gradient: Tensor) -> Tensor:
        gradient = gradient.clone()
        gradient[0, 0, 0, 0] = value
        return gradient

    images, budget = random_images(), Budget(eps=0.1, steps=3, norm=norm)
    spoilt = attack(smoothing=Filter(spoil), budget=budget)(tiny, images, LABELS, DRAWS)
    change = (spoilt - images).flatten(1)
    assert (change.norm(dim=1) if norm == "l2" else change.abs().amax(1)).max() <= 0.1 + 1e-12
    assert torch.equal(spoilt[1], attack(budget=budget)(tiny, images, LABELS, DRAWS)[1])


def test_smoothing_and_transforms_are_not_autocast(tiny: Classifier) -> None:
    seen = []

    class Product(Transform):
        def __call__(self, images: Tensor, index: int, draws: Draws) -> Tensor:
            seen.append((images @ images.mT).dtype)
            return images

    def smoothing(gradient: Tensor) -> Tensor:
        seen.append((gradient @ gradient.mT).dtype)
        return gradient

    with torch.autocast("cpu", torch.bfloat16):
        attack(transforms=[Product()], smoothing=Filter(smoothing))(single(), random_images().float(), LABELS, DRAWS)
    assert set(seen) == {torch.float32}


class _Clock:
    """A clock that moves only where it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def perf_counter(self) -> float:
        return self.seconds


def test_preparing_the_objective_is_timed_apart_from_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = _Clock()

    class Slow(CrossEntropy):
        def prepare(self, context: AttackContext) -> PreparedObjective:
            clock.seconds += 3
            return super().prepare(context)

    class SlowStep(Momentum):
        def begin(self, budget: Budget, draws: Draws) -> Step:
            clock.seconds += 5
            return super().begin(budget, draws)

    monkeypatch.setattr("naa_lightning.attacks.attack.time", clock)
    crafted = attack(objective=Slow(), update=SlowStep()).craft(single(), random_images().float(), LABELS, DRAWS)
    assert crafted.preparation_seconds == 3


def plain() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())


NORMALISATION: dict[str, Any] = {"mean": [0.5] * 3, "std": [0.5] * 3}


def test_a_plain_network_of_timm_is_attacked_as_its_classifier() -> None:
    network = timm.create_model("test_resnet.r160_in1k", num_classes=4)
    images = torch.rand(2, 3, 160, 160, generator=torch.Generator().manual_seed(0))
    adversarial = attack()(network, images, [0, 3])
    assert torch.equal(adversarial, attack()(as_classifier(network), images, LABELS, DRAWS))
    assert network.training


NONE_NAMED = r"names no attacked layer: give `layer`, one of {0} \(4, 6, 6\), {1} \(4, 6, 6\); `layer=auto` takes {1}$"


def test_a_surrogate_without_a_layer_is_told_some() -> None:
    naa = attack(objective=NeuronAttribution(path_points=2))
    surrogates = [Classifier(plain(), **NORMALISATION), Ensemble([Classifier(plain(), **NORMALISATION)])]
    for surrogate in surrogates:
        with pytest.raises(LayerError, match=NONE_NAMED.format("0", "1")):
            naa(surrogate, random_images().float(), LABELS)
    assert attack()(surrogates[0], random_images().float(), LABELS).shape == (2, 3, 8, 8)


def test_a_layer_deep_in_a_network_is_found() -> None:
    inner: nn.Module = plain()
    for _ in range(3):
        inner = nn.Sequential(inner)
    with pytest.raises(LayerError, match=NONE_NAMED.format(r"0\.0\.0\.0", r"0\.0\.0\.1")):
        attack(objective=NeuronAttribution())(Classifier(inner, **NORMALISATION), random_images().float(), LABELS)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
@pytest.mark.parametrize("objective", [CrossEntropy(), NeuronAttribution(path_points=3)])
def test_the_surrogate_computes_in_its_own_type(dtype: torch.dtype, objective: Objective) -> None:
    """The loop does not: within the budget to single precision, and for most pixels to the same side."""
    images = random_images().float()
    usual = attack(objective=objective)(Classifier(plain(), **NORMALISATION, layer="1"), images, LABELS)
    crafted = attack(objective=objective)(Classifier(plain().to(dtype), **NORMALISATION, layer="1"), images, LABELS)
    assert crafted.dtype == torch.float32
    assert 15.9 / 255 < (crafted - images).abs().max() <= 16.0001 / 255
    assert ((crafted - images).sign() == (usual - images).sign()).double().mean() > 0.9


def test_no_draws_are_those_of_seed_0_and_a_batch_mixes_with_itself() -> None:
    images, surrogate = random_images().float(), Classifier(plain(), **NORMALISATION)
    mixing = attack(transforms=[Admix()], budget=Budget(random_start="4/255"))
    expected = mixing(surrogate, images, LABELS, SeededDraws(0, [0, 1], list(images)))
    assert torch.equal(mixing(surrogate, images, LABELS), expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_images_return_to_where_they_came_from() -> None:
    surrogate, images = Classifier(plain(), **NORMALISATION, layer="1").cuda(), random_images().float()
    adversarial = attack(objective=NeuronAttribution(path_points=2))(surrogate, images, [0, 3])
    assert adversarial.device.type == "cpu"
    assert 0 < (adversarial - images).abs().max() <= 16.0001 / 255
