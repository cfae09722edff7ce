from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from naa_lightning.attacks import (
    Attack,
    Budget,
    CrossEntropy,
    Momentum,
    Nesterov,
    PatchWise,
    SeededDraws,
    Sign,
    Update,
    VarianceTuned,
)
from naa_lightning.attacks.updates import GradientAt

UPDATES: dict[str, Update] = {
    "sign": Sign(),
    "momentum": Momentum(decay=0.7),
    "nesterov": Nesterov(decay=0.7),
    "variance_tuned": VarianceTuned(decay=0.7, neighbours=3),
    "patch_wise": PatchWise(amplification=2.5, projection=0.5, decay=0.7),
}
DRAWS = SeededDraws(0, [0, 1])
LINF = Budget(eps=0.3, steps=5, step_size=0.1)
L2 = Budget(norm="l2", eps=3.0, steps=5, step_size=0.25)
updates = pytest.mark.parametrize("update", UPDATES.values(), ids=list(UPDATES))
l2_updates = pytest.mark.parametrize("name", [name for name, update in UPDATES.items() if "l2" in update.norms])


@pytest.fixture
def images() -> Tensor:
    return torch.rand(2, 3, 9, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def wave(points: Tensor) -> Tensor:
    """A gradient that turns from step to step, larger for the second image."""
    weight = torch.linspace(1, 2, points[0].numel(), dtype=points.dtype).view_as(points[0])
    return (9 * points * weight).cos() * torch.tensor([1.0, 50.0], dtype=points.dtype).view(2, 1, 1, 1)


def steps_of(update: Update, gradient_at: GradientAt, images: Tensor, budget: Budget = LINF) -> Tensor:
    """The steps of one attack, (steps, B, 3, H, W); nothing is clipped."""
    step, steps = update.begin(budget, DRAWS), []
    for _ in range(budget.steps):
        steps.append(step(images, gradient_at))
        images = images + steps[-1]
    return torch.stack(steps)


def steps_on(update: Update, gradients: list[Tensor], budget: Budget = LINF) -> list[Tensor]:
    """The steps of an attack whose gradients do not depend on the place."""
    step = update.begin(budget, DRAWS)
    return [step(torch.zeros_like(gradient), constant(gradient)) for gradient in gradients]


def constant(gradient: Tensor) -> GradientAt:
    return lambda points: gradient


def normalised(gradient: Tensor) -> Tensor:
    return torch.stack([one / one.abs().mean() for one in gradient])


def length(images: Tensor) -> Tensor:
    return images.flatten(-3).square().sum(-1).sqrt()


def row(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float32).view(1, 1, 1, -1)


def test_sign_steps_along_the_sign(images: Tensor) -> None:
    assert torch.equal(steps_on(Sign(), [row(-3, 0, 1e-20)])[0], row(-0.1, 0, 0.1))
    steps, point = steps_of(Sign(), wave, images), images
    for step in steps:
        assert torch.equal(step, 0.1 * wave(point).sign())
        point = point + step


def test_momentum_weighs_normalised_gradients() -> None:
    """A large first gradient is outvoted by the second only where its normalised share is smaller."""
    gradients = [row(3, 1) * 1e6, row(-1, -1)]  # normalised: 1.5, 0.5 and -1, -1
    assert torch.equal(steps_on(Momentum(decay=1.0), gradients)[1], row(0.1, -0.1))
    assert torch.equal(steps_on(Momentum(decay=0.6), gradients)[1], row(-0.1, -0.1))
    assert torch.equal(steps_on(Momentum(decay=0.0), gradients)[1], row(-0.1, -0.1))


@pytest.mark.parametrize("decay", [0.0, 0.7, 1.0, 2.0])
def test_momentum_keeps_a_share_of_what_it_has(decay: float, images: Tensor) -> None:
    steps, point, g = steps_of(Momentum(decay=decay), wave, images), images, torch.zeros_like(images)
    for step in steps:
        g = decay * g + normalised(wave(point))
        torch.testing.assert_close(step, 0.1 * g.sign())
        point = point + step


@pytest.mark.parametrize("decay", [0.0, 0.7, 1.0])
def test_nesterov_looks_where_its_momentum_leads(decay: float, images: Tensor) -> None:
    asked: list[Tensor] = []

    def gradient_at(points: Tensor) -> Tensor:
        asked.append(points)
        return wave(points)

    steps, point, g = steps_of(Nesterov(decay=decay), gradient_at, images), images, torch.zeros_like(images)
    assert len(asked) == len(steps)
    for step, place in zip(steps, asked, strict=True):
        torch.testing.assert_close(place, point + 0.1 * decay * g)
        g = decay * g + normalised(wave(place))
        torch.testing.assert_close(step, 0.1 * g.sign())
        point = point + step


@pytest.mark.parametrize("budget", [LINF, L2], ids=["linf", "l2"])
def test_variance_tuning_adds_the_variance_found_at_the_step_before(budget: Budget, images: Tensor) -> None:
    asked: list[Tensor] = []

    def gradient_at(points: Tensor) -> Tensor:
        asked.append(points)
        return wave(points)

    steps = steps_of(VarianceTuned(decay=0.7, neighbours=4, radius=0.5), gradient_at, images, budget)
    assert len(asked) == 5 * len(steps)
    point, g, variance = images, torch.zeros_like(images), torch.zeros_like(images)
    for number, step in enumerate(steps):
        here, *around = asked[5 * number : 5 * number + 5]
        torch.testing.assert_close(here, point)
        g = 0.7 * g + normalised(wave(point) + variance)
        variance = torch.stack([wave(place) for place in around]).mean(0) - wave(point)
        direction = g.sign() if budget is LINF else g / length(g).view(-1, 1, 1, 1)
        torch.testing.assert_close(step, budget.step_size * direction)
        point = point + step


@pytest.mark.parametrize("budget", [LINF, L2], ids=["linf", "l2"])
def test_neighbours_are_fresh_and_within_beta_eps(budget: Budget, images: Tensor) -> None:
    asked: list[Tensor] = []

    def gradient_at(points: Tensor) -> Tensor:
        asked.append(points)
        return wave(images)

    step = VarianceTuned(neighbours=20, radius=0.5).begin(budget, DRAWS)
    for _ in range(3):
        step(images, gradient_at)
    offsets = torch.stack([points - images for number, points in enumerate(asked) if number % 21]).flatten(0, 1)
    assert len(offsets) == 3 * 20 * len(images)
    assert len({offset.numpy().tobytes() for offset in offsets}) == len(offsets)
    reach = offsets.abs().amax((1, 2, 3)) if budget is LINF else length(offsets)
    assert (reach <= 0.5 * budget.eps + 1e-12).all()
    assert (reach > 0.9 * 0.5 * budget.eps).all()  # in as many dimensions, all but 2 in a billion


def patch_wise(update: PatchWise, gradients: list[Tensor], budget: Budget) -> list[Tensor]:
    """The release's loop, with the kernel written out; noise below 1e-6 is rounding."""
    kernel = torch.ones(update.kernel, update.kernel, dtype=torch.float64)
    kernel[update.kernel // 2, update.kernel // 2] = 0
    weights = (kernel / kernel.sum()).expand(3, 1, -1, -1)
    enlarged = update.amplification * budget.step_size
    amplification = g = torch.zeros_like(gradients[0])
    steps = []
    for gradient in gradients:
        g = update.decay * g + normalised(gradient)
        amplification = amplification + enlarged * g.sign()
        excess = amplification.abs() - budget.eps
        cut = torch.where(excess > 1e-6, excess * amplification.sign(), 0.0)
        noise = F.conv2d(cut, weights, padding=update.kernel // 2, groups=3)
        projection = update.projection * enlarged * torch.where(noise.abs() > 1e-6, noise.sign(), 0.0)
        amplification = amplification + projection
        steps.append(enlarged * g.sign() + projection)
    return steps


@pytest.mark.parametrize(
    ("amplification", "projection", "kernel", "decay"),
    [(10.0, 1.0, 3, 0.0), (2.5, 0.5, 3, 1.0), (4.0, 0.8, 5, 0.5), (20.0, 0.0, 7, 0.0)],
)
def test_patch_wise_is_the_releases_loop(amplification: float, projection: float, kernel: int, decay: float) -> None:
    generator = torch.Generator().manual_seed(0)
    gradients = [torch.randn(2, 3, 9, 7, dtype=torch.float64, generator=generator) for _ in range(8)]
    budget = Budget(eps="16/255", steps=10)
    update = PatchWise(amplification=amplification, projection=projection, kernel=kernel, decay=decay)
    for ours, reference in zip(steps_on(update, gradients, budget), patch_wise(update, gradients, budget), strict=True):
        torch.testing.assert_close(ours, reference, rtol=0, atol=1e-12)


@pytest.mark.parametrize("eps", [0.1, 0.37, 0.5, 0.9])
def test_patch_wise_hands_the_excess_of_a_pixel_to_its_neighbours(eps: float) -> None:
    pixel = torch.zeros(1, 3, 7, 7)
    pixel[0, 1, 3, 3] = 5.0
    update = PatchWise(amplification=10, projection=0.4, decay=0)
    first, second = steps_on(update, [pixel, torch.zeros_like(pixel)], Budget(eps=eps, step_size=0.1))
    ring = torch.zeros_like(pixel)
    ring[0, 1, 2:5, 2:5] = 0.4
    ring[0, 1, 3, 3] = 1.0
    torch.testing.assert_close(first, ring)
    again = torch.zeros_like(pixel)
    reach = slice(1, 6) if eps < 0.4 else slice(2, 5)  # whether the neighbours have an excess of their own
    again[0, 1, reach, reach] = 0.4
    if eps >= 0.4:
        again[0, 1, 3, 3] = 0.0
    torch.testing.assert_close(second, again)


def test_patch_wise_hands_nothing_out_of_the_image() -> None:
    pixel = torch.zeros(1, 3, 4, 4)
    pixel[0, 0, 0, 0] = -1.0
    (step,) = steps_on(PatchWise(amplification=10, projection=1), [pixel], Budget(eps=0.5, step_size=0.1))
    assert step[0, 0].tolist() == [[-1, -1, 0, 0], [-1, -1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert not step[0, 1:].any()


def test_patch_wise_within_the_budget_is_an_enlarged_sign(images: Tensor) -> None:
    (step,) = steps_on(PatchWise(amplification=3), [wave(images)], Budget(eps=0.3, step_size=0.1))
    torch.testing.assert_close(step, 3 * 0.1 * wave(images).sign())


@updates
@pytest.mark.parametrize("scale", [2.0**-90, 2.0**90])
def test_steps_do_not_depend_on_the_gradients_scale(update: Update, scale: float, images: Tensor) -> None:
    """With powers of two nothing is rounded."""
    usual = steps_of(update, wave, images.float())
    assert torch.equal(steps_of(update, lambda points: wave(points) * scale, images.float()), usual)


@l2_updates
@pytest.mark.parametrize("scale", [2.0**-40, 2.0**40])
def test_l2_steps_do_not_depend_on_the_gradients_scale(name: str, scale: float, images: Tensor) -> None:
    usual = steps_of(UPDATES[name], wave, images.float(), L2)
    scaled = steps_of(UPDATES[name], lambda points: wave(points) * scale, images.float(), L2)
    torch.testing.assert_close(scaled, usual)


@updates
def test_memory_begins_anew_for_every_attack(update: Update, images: Tensor) -> None:
    usual = steps_of(update, wave, images)
    steps_of(update, lambda points: -100 * wave(points), images)
    assert torch.equal(steps_of(update, wave, images), usual)


@updates
def test_attacks_at_the_same_time_have_memories_of_their_own(update: Update, images: Tensor) -> None:
    step, other = update.begin(LINF, DRAWS), update.begin(LINF, DRAWS)
    point = images
    for expected in steps_of(update, wave, images):
        other(images, lambda points: -100 * wave(points))
        ours = step(point, wave)
        assert torch.equal(ours, expected)
        point = point + ours


@updates
@pytest.mark.parametrize("budget", [LINF, L2], ids=["linf", "l2"])
def test_no_gradient_is_no_step(update: Update, budget: Budget) -> None:
    if budget.norm in update.norms:
        assert not torch.stack(steps_on(update, 3 * [torch.zeros(2, 3, 4, 5)], budget)).any()


@l2_updates
def test_l2_steps_have_the_step_size_as_their_length(name: str, images: Tensor) -> None:
    steps = steps_of(UPDATES[name], wave, images, L2)
    torch.testing.assert_close(length(steps), torch.full((5, 2), 0.25, dtype=torch.float64))


def test_l2_sign_steps_along_the_gradient(images: Tensor) -> None:
    (step,) = steps_on(Sign(), [wave(images)], L2)
    for ours, gradient in zip(step, wave(images), strict=True):
        torch.testing.assert_close(ours, 0.25 * gradient / gradient.norm())


def test_l2_momentum_steps_along_the_accumulated_gradient() -> None:
    gradients = [row(3, 1) * 1e6, row(-1, -1)]  # accumulated in the end: 0.5, -0.5
    torch.testing.assert_close(steps_on(Momentum(), gradients, L2)[1], row(0.125, -0.125) * 2**0.5)


@pytest.mark.parametrize("name", ["nesterov", "patch_wise"])
def test_updates_of_pixel_steps_are_refused_under_an_l2_budget(name: str) -> None:
    with pytest.raises(ValueError, match=r"works with budgets of the norm linf, got l2"):
        Attack(objective=CrossEntropy(), update=UPDATES[name], budget=L2)


@l2_updates
def test_other_updates_are_accepted_under_an_l2_budget(name: str) -> None:
    assert Attack(objective=CrossEntropy(), update=UPDATES[name], budget=L2).budget is L2


@pytest.mark.parametrize("make", [Momentum, Nesterov, VarianceTuned, PatchWise])
@pytest.mark.parametrize("decay", [-0.5, float("nan"), float("inf")])
def test_a_decay_below_0_is_refused(make: Callable[..., Update], decay: float) -> None:
    with pytest.raises(ValueError, match=f"decay must be at least 0, got {decay}"):
        make(decay=decay)


@pytest.mark.parametrize(
    ("make", "key", "value", "message"),
    [
        (VarianceTuned, "neighbours", 0, "neighbours must be at least 1, got 0"),
        (VarianceTuned, "radius", -0.1, r"radius must be at least 0, got -0\.1"),
        (VarianceTuned, "radius", float("nan"), "radius must be at least 0, got nan"),
        (VarianceTuned, "radius", float("inf"), "radius must be at least 0, got inf"),
        (PatchWise, "amplification", 0.0, r"amplification must be positive, got 0\.0"),
        (PatchWise, "amplification", -1.0, r"amplification must be positive, got -1\.0"),
        (PatchWise, "amplification", float("inf"), "amplification must be positive, got inf"),
        (PatchWise, "projection", -1.0, r"projection must be at least 0, got -1\.0"),
        (PatchWise, "projection", float("nan"), "projection must be at least 0, got nan"),
        (PatchWise, "kernel", 1, "kernel must be odd and at least 3, got 1"),
        (PatchWise, "kernel", 4, "kernel must be odd and at least 3, got 4"),
        (PatchWise, "kernel", -3, "kernel must be odd and at least 3, got -3"),
    ],
)
def test_values_out_of_range_are_refused(make: Callable[..., Update], key: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**{key: value})
