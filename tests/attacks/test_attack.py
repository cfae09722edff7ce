from collections.abc import Callable

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torchattack import MIFGSM

from naa_lightning.attacks import Attack, Budget, CrossEntropy, Momentum, NeuronAttribution, Objective
from naa_lightning.draws import SeededDraws
from naa_lightning.models import Classifier
from tests.conftest import GoldenNetwork

OBJECTIVES: dict[str, Objective] = {
    "mim": CrossEntropy(),
    "naa": NeuronAttribution(path_points=4),
    "naa_gamma": NeuronAttribution(path_points=4, gamma=0.5),
}
EPS = 16 / 255
objectives = pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=list(OBJECTIVES))


def attack(objective: Objective, eps: float | str = "16/255", steps: int = 3) -> Attack:
    return Attack(objective=objective, update=Momentum(), budget=Budget(eps=eps, steps=steps))


def craft(objective: Objective, surrogate: Classifier, images: Tensor, ids: list[int] | None = None) -> Tensor:
    ids = list(range(len(images))) if ids is None else ids
    return attack(objective)(surrogate, images, labels(ids), SeededDraws(0, ids)).images


def labels(ids: list[int]) -> Tensor:
    return torch.tensor([3 * image % 10 for image in ids])


def random_images(count: int = 4, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.rand(count, 3, 8, 8, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def single(seed: int = 0) -> Classifier:
    torch.manual_seed(seed)
    return Classifier(GoldenNetwork(), mean=[0.5] * 3, std=[0.5] * 3, layer="middle")


@objectives
@given(seed=st.integers(0, 10_000), contrast=st.sampled_from([0.0, 1.0, 50.0]), eps=st.floats(0, 1))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_images_stay_within_the_budget(
    objective: Objective, seed: int, contrast: float, eps: float, tiny: Classifier
) -> None:
    clean = (0.5 + contrast * (random_images(2, seed) - 0.5)).clamp(0, 1)
    crafted = attack(objective, eps)(tiny, clean, labels([0, 1]), SeededDraws(seed, [0, 1])).images
    assert (crafted - clean).abs().max() <= eps + 1e-12
    assert crafted.min() >= 0
    assert crafted.max() <= 1


@objectives
def test_the_attack_raises_its_goal(objective: Objective, tiny: Classifier) -> None:
    clean, draws = random_images(), SeededDraws(0, [0, 1, 2, 3])
    score = objective.prepare(tiny, clean, labels([0, 1, 2, 3]), draws).score
    assert (score(craft(objective, tiny, clean)) > score(clean)).all()


@objectives
def test_no_budget_returns_the_clean_images(objective: Objective, tiny: Classifier) -> None:
    clean = random_images()
    crafted = attack(objective, eps=0)(tiny, clean, labels([0, 1, 2, 3]), SeededDraws(0, [0, 1, 2, 3]))
    assert torch.equal(crafted.images, clean)


@objectives
def test_an_image_does_not_depend_on_its_batch(objective: Objective, tiny: Classifier) -> None:
    clean, others = random_images(), random_images(seed=1)
    usual = craft(objective, tiny, clean, [0, 1, 2, 3])[1]
    elsewhere = craft(objective, tiny, torch.stack([*others[:3], clean[1]]), [7, 8, 9, 1])[3]
    assert torch.equal(elsewhere, usual)


@objectives
def test_an_image_in_a_batch_of_another_size(objective: Objective, tiny: Classifier) -> None:
    clean = random_images()
    alone = craft(objective, tiny, clean[1:2], [1])[0]
    torch.testing.assert_close(alone, craft(objective, tiny, clean)[1], rtol=0, atol=1e-9)


@objectives
def test_the_surrogate_is_left_as_it_was(objective: Objective, tiny: Classifier) -> None:
    tiny.train()
    tiny.network.get_submodule("conv1").eval()
    modes = [module.training for module in tiny.modules()]
    craft(objective, tiny, random_images())
    assert [module.training for module in tiny.modules()] == modes
    assert all(parameter.requires_grad and parameter.grad is None for parameter in tiny.parameters())
    assert not any(module._forward_hooks for module in tiny.modules())


@objectives
def test_the_attack_works_without_gradients_around_it(objective: Objective, tiny: Classifier) -> None:
    usual = craft(objective, tiny, random_images())
    with torch.no_grad():
        assert torch.equal(craft(objective, tiny, random_images()), usual)


@objectives
def test_the_clean_images_are_not_changed(objective: Objective, tiny: Classifier) -> None:
    clean = random_images()
    craft(objective, tiny, clean)
    assert torch.equal(clean, random_images())
    assert not clean.requires_grad


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
        attack(CrossEntropy())(single(), images, torch.tensor([0, 1]), SeededDraws(0, [0, 1]))


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 1), (2, 10)])
def test_wrong_labels_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected labels of shape \(2,\), got"):
        attack(CrossEntropy())(single(), random_images(2).float(), torch.zeros(shape).long(), SeededDraws(0, [0, 1]))


@pytest.mark.parametrize(("eps", "steps", "decay"), [(16 / 255, 10, 1.0), (8 / 255, 5, 0.5), (0.3, 3, 0.0)])
def test_mim_is_torchattacks_mifgsm(eps: float, steps: int, decay: float) -> None:
    """Torchattack changes a perturbation where we change the image, and averages its loss over the batch.

    The first is a matter of rounding; the second, a factor 1 / B of the gradient, drops out when it is normalised.
    """
    surrogate, clean, classes = single(), random_images(dtype=torch.float32), labels([0, 1, 2, 3])
    theirs = MIFGSM(
        surrogate.network,
        normalize=lambda images: (images - 0.5) / 0.5,
        device=torch.device("cpu"),
        eps=eps,
        steps=steps,
        decay=decay,
    )(clean, classes)
    ours = Attack(objective=CrossEntropy(), update=Momentum(decay=decay), budget=Budget(eps=eps, steps=steps))
    crafted = ours(surrogate, clean, classes, SeededDraws(0, [0, 1, 2, 3])).images
    torch.testing.assert_close(crafted, theirs.detach(), rtol=0, atol=1e-5)


def scaled_logits(factor: float) -> Classifier:
    surrogate = single()
    last = surrogate.network.get_submodule("fc")
    assert isinstance(last, nn.Linear)
    last.weight.data *= factor
    last.bias.data *= factor
    return surrogate


@objectives
def test_a_constant_network_leaves_the_images_unchanged(objective: Objective) -> None:
    clean = random_images(dtype=torch.float32)
    assert torch.equal(craft(objective, scaled_logits(0), clean), clean)


@objectives
def test_a_saturated_softmax_gives_finite_images(objective: Objective) -> None:
    clean = random_images(dtype=torch.float32)
    crafted = craft(objective, scaled_logits(1e4), clean)
    assert crafted.isfinite().all()
    assert (crafted - clean).abs().max() <= EPS + 1e-6


@objectives
def test_bfloat16_autocast_gives_images_within_the_budget(objective: Objective) -> None:
    clean = random_images(dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        crafted = craft(objective, single(), clean)
    assert crafted.dtype == torch.float32
    assert crafted.isfinite().all()
    assert 0 < (crafted - clean).abs().max() <= EPS + 1e-6


def step_of(gradients: list[Tensor], decay: float = 1.0, step_size: float = 0.1) -> Tensor:
    step: Callable[[Tensor], Tensor] = Momentum(decay=decay).begin(Budget(step_size=step_size))
    return [step(gradient) for gradient in gradients][-1]


def test_momentum_weighs_normalised_gradients() -> None:
    """A large first gradient is outvoted by the second only where its normalised share is smaller."""
    first = torch.tensor([3.0, 1.0]).view(1, 1, 1, 2) * 1e6  # normalised: 1.5, 0.5
    second = torch.tensor([-1.0, -1.0]).view(1, 1, 1, 2)  # normalised: -1, -1
    assert step_of([first, second]).flatten().tolist() == pytest.approx([0.1, -0.1])
    assert step_of([first, second], decay=0.0).flatten().tolist() == pytest.approx([-0.1, -0.1])


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_steps_do_not_depend_on_the_gradients_scale(scale: float) -> None:
    gradients = [random_images(seed=seed).float() - 0.5 for seed in range(3)]
    assert torch.equal(step_of([gradient * scale for gradient in gradients]), step_of(gradients))


def test_momentum_begins_anew_for_every_attack() -> None:
    update, gradient = Momentum(), random_images() - 0.5
    update.begin(Budget())(gradient * -100)
    assert torch.equal(update.begin(Budget(step_size=0.1))(gradient), 0.1 * gradient.sign())


def test_a_negative_decay_is_refused() -> None:
    with pytest.raises(ValueError, match=r"decay must be at least 0, got -0\.5"):
        Momentum(decay=-0.5)
