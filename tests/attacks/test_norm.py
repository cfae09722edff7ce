import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest
from torch import Tensor

from naa_lightning.attacks import Budget, SeededDraws
from naa_lightning.attacks.norm import L2, LInf, Norm

NORMS: dict[str, Norm] = {"linf": LInf(), "l2": L2()}
norms = pytest.mark.parametrize("name", NORMS)
SEEDS = st.integers(0, 10**6)
RADII = st.sampled_from([0.0, 1e-3, 0.3, 1.0, 2.5, 40.0])
SCALES = st.sampled_from([0.0, 1e-3, 0.2, 1.0, 30.0])


def size(name: str, perturbation: Tensor) -> Tensor:
    """The norm, (B,)."""
    flat = perturbation.flatten(1)
    return flat.abs().amax(1) if name == "linf" else flat.square().sum(1).sqrt()


def different(images: Tensor) -> int:
    return len({image.numpy().tobytes() for image in images})


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape or (2, 3, 3, 2), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@norms
@given(seed=SEEDS, scale=SCALES, radius=RADII)
@settings(deadline=None)
def test_projections_are_within_the_radius(name: str, seed: int, scale: float, radius: float) -> None:
    assert (size(name, NORMS[name].project(scale * normal(seed), radius)) <= radius * (1 + 1e-12)).all()


@norms
@given(seed=SEEDS, scale=SCALES, radius=RADII)
@settings(deadline=None)
def test_projection_leaves_what_is_within_the_radius_alone(name: str, seed: int, scale: float, radius: float) -> None:
    perturbation = scale * normal(seed)
    within = size(name, perturbation) <= radius * (1 - 1e-12)
    assert torch.equal(NORMS[name].project(perturbation, radius)[within], perturbation[within])


@norms
@given(seed=SEEDS, scale=SCALES, radius=RADII)
@settings(deadline=None)
def test_projections_are_the_nearest_points(name: str, seed: int, scale: float, radius: float) -> None:
    """Of a convex set: no way from the projection to another of its points leads towards what was projected."""
    perturbation = scale * normal(seed)
    projected = NORMS[name].project(perturbation, radius)
    others = torch.cat([normal(seed + 1, 50, 3, 3, 2), perturbation])
    others = others * (radius / size(name, others).clamp_min(1e-30)).view(-1, 1, 1, 1)  # on the edge
    for outer, point in zip(perturbation, projected, strict=True):
        assert ((outer - point) * (others - point)).sum((1, 2, 3)).max() <= 1e-10


@norms
def test_images_of_a_batch_are_projected_each_by_itself(name: str) -> None:
    perturbation = normal(0) * torch.tensor([0.01, 100.0], dtype=torch.float64).view(2, 1, 1, 1)
    projected = NORMS[name].project(perturbation, 1.0)
    assert torch.equal(projected[0], perturbation[0])
    assert size(name, projected)[1] == pytest.approx(1)


@norms
@given(seed=SEEDS, scale=st.sampled_from([1e-15, 1e-3, 1.0, 1e15]))
@settings(deadline=None)
def test_no_perturbation_of_norm_1_gains_more_than_the_steepest(name: str, seed: int, scale: float) -> None:
    gradient = scale * normal(seed).float()
    ascent_direction = NORMS[name].ascent_direction(gradient)
    torch.testing.assert_close(size(name, ascent_direction), torch.ones(2))
    others = normal(seed + 1, 100, 2, 3, 3, 2).float()
    gains = [(gradient * other / size(name, other).view(2, 1, 1, 1)).sum((1, 2, 3)) for other in others]
    assert (torch.stack(gains) <= (gradient * ascent_direction).sum((1, 2, 3)) * (1 + 1e-5)).all()
    dual = gradient.flatten(1).abs().sum(1) if name == "linf" else size(name, gradient)
    torch.testing.assert_close((gradient * ascent_direction).sum((1, 2, 3)), dual)


@norms
def test_without_gradient_nothing_is_steepest(name: str) -> None:
    assert not NORMS[name].ascent_direction(torch.zeros(1, 3, 2, 2)).any()


def test_linf_draws_are_uniform() -> None:
    drawn = LInf().random(SeededDraws(0, range(50)), "start", 0, torch.empty(50, 3, 8, 8, dtype=torch.float64))
    assert drawn.min() >= -1
    assert drawn.max() < 1
    assert kstest(drawn.flatten().numpy(), "uniform", args=(-1, 2)).pvalue > 0.05


def test_l2_draws_are_uniform_in_the_ball() -> None:
    """The length's n-th power is uniform, and so are directions, judged by their first, second and fourth moments."""
    count, n = 5000, 12
    like = torch.empty(count, 3, 2, 2, dtype=torch.float64)
    drawn = L2().random(SeededDraws(1, range(count)), "start", 0, like).flatten(1)
    length = drawn.square().sum(1).sqrt()
    assert length.max() <= 1
    assert kstest((length**n).numpy(), "uniform").pvalue > 0.05
    directions = drawn / length[:, None]
    torch.testing.assert_close(directions.mean(0), torch.zeros(n).double(), rtol=0, atol=4 / math.sqrt(n * count))
    covariance = directions.T @ directions / count * n
    torch.testing.assert_close(covariance, torch.eye(n).double(), rtol=0, atol=5 * math.sqrt(2 / count))
    assert float(directions.pow(4).mean()) == pytest.approx(3 / (n * (n + 2)), rel=0.03)
    assert abs(torch.corrcoef(torch.stack([length, directions[:, 0]]))[0, 1]) < 4 / math.sqrt(count)


@norms
def test_draws_belong_to_the_image(name: str) -> None:
    like = torch.empty(3, 3, 4, 4)
    both = NORMS[name].random(SeededDraws(0, [7, 8, 9]), "start", 2, like)
    alone = NORMS[name].random(SeededDraws(0, [8]), "start", 2, like[:1])
    torch.testing.assert_close(both[1:2], alone)
    assert different(both) == 3
    assert not torch.equal(NORMS[name].random(SeededDraws(0, [8]), "start", 3, like[:1]), alone)


@norms
@given(seed=SEEDS, scale=st.sampled_from([0.1, 0.5, 1.0, 8.0]), radius=st.sampled_from([0.0, 0.4, 1.0, 3.7, 16.0]))
@settings(deadline=None)
def test_rounded_levels_are_whole_near_and_within_the_radius(name: str, seed: int, scale: float, radius: float) -> None:
    levels = NORMS[name].project(scale * normal(seed, 2, 3, 5, 4), radius)
    rounded = NORMS[name].round(levels, radius)
    assert torch.equal(rounded, rounded.round())
    assert (size(name, rounded) <= radius + 1e-9).all()
    assert ((rounded - levels).abs() < 1).all()
    assert rounded.dtype == levels.dtype
    nearest = levels.round()
    fits = size(name, nearest) <= radius
    assert torch.equal(rounded[fits], nearest[fits])


def greedily_rounded(levels: list[float], radius: float) -> list[float]:
    """Whole numbers, of which those that rounding enlarged most go back, one by one, until the length fits."""
    rounded = [float(round(level)) for level in levels]
    enlarged = sorted(range(len(levels)), key=lambda i: abs(levels[i]) - abs(rounded[i]))
    for i in enlarged:
        if sum(value**2 for value in rounded) <= radius**2:
            break
        rounded[i] -= math.copysign(1, levels[i])
    return rounded


@given(seed=SEEDS, scale=st.sampled_from([0.3, 0.5, 2.0, 10.0]), radius=st.sampled_from([0.0, 1.0, 3.3, 16.0]))
@settings(deadline=None)
def test_l2_rounding_takes_back_no_more_than_needed(seed: int, scale: float, radius: float) -> None:
    levels = L2().project(scale * normal(seed, 2, 3, 5, 4), radius)
    expected = [greedily_rounded(image, radius) for image in levels.flatten(1).tolist()]
    assert L2().round(levels, radius).flatten(1).tolist() == expected


def images(seed: int, side: int = 64, count: int = 2) -> Tensor:
    """Clean images with many values at the ends."""
    values = torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(seed))
    return (1.5 * values - 0.25).clamp(0, 1)


@pytest.mark.parametrize("eps", [0.0, 0.5, 3.0])
@pytest.mark.parametrize("reach", [0.01, 0.3])
def test_l2_budgets_project_to_within_eps_and_the_unit_interval(eps: float, reach: float) -> None:
    clean = images(0)
    projected = Budget(norm="l2", eps=eps).project(clean + reach * images(1) - reach * images(2), clean)
    assert (size("l2", projected - clean) <= eps * (1 + 1e-6)).all()
    assert projected.min() >= 0
    assert projected.max() <= 1
    assert eps == 0 or not torch.equal(projected, clean)


def test_l2_budgets_leave_images_within_them_alone() -> None:
    clean, adversarial = images(0), (images(0) + 0.01 * images(1)).clamp(0, 1)
    torch.testing.assert_close(Budget(norm="l2", eps=3).project(adversarial, clean), adversarial, rtol=0, atol=1e-7)


@pytest.mark.parametrize("eps", [0.0, 0.5, 3.0])
@pytest.mark.parametrize("grid", [False, True])
@given(seed=st.integers(0, 1000), reach=st.sampled_from([0.01, 1.0]), projected=st.booleans())
@settings(max_examples=10, deadline=None)
def test_l2_quantised_images_stay_within_the_budget(
    eps: float, grid: bool, seed: int, reach: float, projected: bool
) -> None:
    """Whether clean images are of 8 bits or not; distances are counted in whole numbers."""
    clean = (images(seed) * 255).round() / 255 if grid else images(seed)
    adversarial = (clean + reach * (images(seed + 1) - images(seed + 2))).clamp(0, 1)
    budget = Budget(norm="l2", eps=eps)
    quantised = budget.quantise(budget.project(adversarial, clean) if projected else adversarial, clean)
    assert quantised.dtype == torch.uint8
    change = quantised.long() - (clean * 255).round().long()
    squares = change.flatten(1).square().sum(1).tolist()
    assert all(square <= (255 * eps) ** 2 for square in squares)
    assert eps == 0 or min(squares) > 0


@pytest.mark.parametrize("seed", range(3))
def test_l2_quantising_moves_values_by_less_than_a_level(seed: int) -> None:
    clean = (images(seed) * 255).round() / 255
    budget = Budget(norm="l2", eps=0.5)
    adversarial = budget.project(clean + images(seed + 1) - images(seed + 2), clean)
    assert ((budget.quantise(adversarial, clean) - adversarial * 255).abs() < 1 + 1e-4).all()


@norms
@pytest.mark.parametrize(("eps", "distance"), [(0.2, 0.1), (0.1, 0.4), (0.3, 0.3)])
def test_random_starts_are_within_their_distance_and_the_budget(name: str, eps: float, distance: float) -> None:
    clean = images(0, side=6)
    start = Budget(norm=name, eps=eps, random_start=distance).start(clean, SeededDraws(0, [0, 1]))
    assert (size(name, start - clean) <= min(eps, distance) + 1e-6).all()
    assert start.min() >= 0
    assert start.max() <= 1
    assert (size(name, start - clean) > 0.5 * min(eps, distance)).all()


@norms
def test_random_starts_belong_to_the_image(name: str) -> None:
    budget, clean = Budget(norm=name, random_start="8/255"), images(0, side=6, count=3)
    both = budget.start(clean, SeededDraws(0, [7, 8, 9]))
    torch.testing.assert_close(budget.start(clean[1:2], SeededDraws(0, [8])), both[1:2])
    assert torch.equal(budget.start(clean, SeededDraws(0, [7, 8, 9])), both)
    assert not torch.equal(budget.start(clean, SeededDraws(1, [7, 8, 9])), both)
    same = budget.start(clean[:1].expand(3, -1, -1, -1), SeededDraws(0, [7, 8, 9]))
    assert different(same) == 3


@norms
def test_without_a_random_start_steps_begin_at_the_image(name: str) -> None:
    clean = images(0, side=6)
    assert torch.equal(Budget(norm=name).start(clean, SeededDraws(0, [0, 1])), clean)


def test_an_l2_budget_may_exceed_1() -> None:
    budget = Budget(norm="l2", eps="10/2", steps=4, random_start=2)
    assert (budget.eps, budget.step_size, budget.random_start) == (5.0, 1.25, 2.0)


@pytest.mark.parametrize("key", ["eps", "step_size", "random_start"])
@pytest.mark.parametrize("value", [-1, "nan", "inf", "-1/2"])
def test_l2_values_out_of_range_are_refused(key: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"{key} must be at least 0 and finite \(for example 3\.0\), got {value}"):
        Budget(norm="l2", **{key: value})


@pytest.mark.parametrize("value", [-0.1, 1.1, "nan"])
def test_a_random_start_out_of_range_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"random_start must be between 0 and 1 \(for example 16/255\), got"):
        Budget(random_start=value)


@pytest.mark.parametrize("norm", ["l1", "L2", "", "2"])
def test_an_unknown_norm_is_refused(norm: str) -> None:
    with pytest.raises(ValueError, match=f"norm must be one of linf, l2, got '{norm}'"):
        Budget(norm=norm)
