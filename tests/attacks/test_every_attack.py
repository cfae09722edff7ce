"""What holds for every attack of conf/attack, whatever its parts."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from naa_lightning.attacks import Attack, Budget
from naa_lightning.config.attack import compose_attack
from naa_lightning.config.building import plain_values, validated
from naa_lightning.config.schema import AttackNode, AttackRun
from naa_lightning.exceptions import UserError
from naa_lightning.library.preset import preset
from naa_lightning.models import Classifier
from naa_lightning.rng import SeededDraws
from tests.conftest import GoldenNetwork
from tests.experiments import composed, presets

ATTACKS = presets("attack")
EPS = 16 / 255
attacks = pytest.mark.parametrize("name", ATTACKS)


@cache
def configured(name: str) -> AttackNode:
    return validated(AttackRun, plain_values(composed(f"attack={name}"))).attack


def compose(name: str, eps: float = EPS, norm: str = "linf") -> Attack:
    """The attack with two steps, on few copies where it sees many."""
    node = deepcopy(configured(name))
    for part in (node.objective, node.update_rule, *node.transforms.values()):
        part.update({key: 3 for key in ("copies", "neighbours", "path_points", "masks", "fits") if key in part})
    return compose_attack(replace(node, budget={"norm": norm, "eps": eps, "steps": 2}))


def classes(ids: list[int]) -> Tensor:
    return torch.tensor([3 * image % 10 for image in ids])


def random_images(count: int = 4, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.rand(count, 3, 8, 8, dtype=dtype, generator=torch.Generator().manual_seed(seed))


POOL = list(random_images(3, seed=9))


def craft(attack: Attack, surrogate: Classifier, images: Tensor, ids: list[int] | None = None) -> Tensor:
    ids = list(range(len(images))) if ids is None else ids
    return attack(surrogate, images, classes(ids), SeededDraws(0, ids, POOL))


def single() -> Classifier:
    torch.manual_seed(0)
    return Classifier(GoldenNetwork(), mean=[0.5] * 3, std=[0.5] * 3, layer="middle")


def scaled_logits(factor: float) -> Classifier:
    surrogate = single()
    last = surrogate.network.get_submodule("fc")
    assert isinstance(last, nn.Linear)
    last.weight.data *= factor
    last.bias.data *= factor
    return surrogate


def test_the_folder_holds_the_family() -> None:
    expected = """fgsm ifgsm mim nim vmim dim tim sim admix bsr sia ssa pim nrdm fda fia naa rpa danaa ilpd bfa
        mim_pd nrdm_pd fda_pd fia_pd naa_pd"""
    assert set(ATTACKS) >= set(expected.split())


@attacks
def test_the_named_cost_is_the_counted_one(name: str, tiny: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    node = configured(name)
    differentiate, calls = torch.autograd.grad, []

    def counting(*args: Any) -> Any:
        calls.append(args)
        return differentiate(*args)

    monkeypatch.setattr(torch.autograd, "grad", counting)
    crafted = compose_attack(node).craft(tiny, random_images(2), classes([0, 1]), SeededDraws(0, [0, 1], POOL))
    assert node.gradient_evaluations == crafted.gradient_evaluations == len(calls)


@attacks
def test_paper_and_year_are_named(name: str) -> None:
    node = configured(name)
    assert node.name == name
    assert str(node.year) in node.paper


@attacks
@pytest.mark.parametrize("budget", ["linf", "l2"])
def test_steps_follow_eps(name: str, budget: str) -> None:
    """At half the eps a step is half as long, and as many steps as there are reach as far from the image."""
    numbers = preset("attack", name, {"attack/budget": budget})["budget"]
    whole, half = (Budget(**{**numbers, "eps": eps}) for eps in (0.5, 0.25))
    assert half.step_size == whole.step_size / 2
    assert half.random_start == whole.random_start / 2
    assert whole.steps * whole.step_size / whole.eps == pytest.approx(12.5 if name == "ilpd_paper" else 1)


def test_danaas_step_is_the_releases_rounded() -> None:
    budget = compose_attack(configured("danaa")).budget
    assert (round(255 * budget.step_size, 2), budget.steps, budget.eps) == (1.07, 15, 16 / 255)


def test_ilpd_is_offered_as_in_its_paper() -> None:
    budget = compose_attack(configured("ilpd_paper")).budget
    assert (budget.eps, budget.steps, budget.step_size) == (8 / 255, 100, 1 / 255)
    assert compose_attack(configured("ilpd_paper")).objective == compose_attack(configured("ilpd")).objective


def test_a_transform_is_no_smoothing() -> None:
    node = replace(configured("mim"), smoothing={"_target_": "naa_lightning.attacks.ScaleInvariant"})
    with pytest.raises(UserError, match=r"attack\.smoothing.*ScaleInvariant"):
        compose_attack(node)


@attacks
@pytest.mark.parametrize("norm", ["linf", "l2"])
@given(seed=st.integers(0, 10_000), contrast=st.sampled_from([0.0, 1.0, 50.0]), eps=st.floats(0, 1))
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_images_stay_within_the_budget(
    name: str, norm: str, seed: int, contrast: float, eps: float, tiny: Classifier
) -> None:
    if norm not in compose(name).update.norms:
        with pytest.raises(UserError, match="works with budgets of the norm linf, got l2"):
            compose(name, eps, norm)
        return
    attack = compose(name, eps, norm)
    clean = (0.5 + contrast * (random_images(2, seed) - 0.5)).clamp(0, 1)
    crafted = craft(attack, tiny, clean, [seed, seed + 1])
    change = crafted - clean
    size = change.abs().max() if norm == "linf" else change.flatten(1).norm(dim=1).max()
    assert size <= eps + 1e-12
    assert crafted.min() >= 0
    assert crafted.max() <= 1


@attacks
def test_the_attack_moves_the_features(name: str, tiny: Classifier) -> None:
    clean = random_images()
    crafted = craft(compose(name, eps=0.3), tiny, clean)
    moved = (tiny.features(crafted) - tiny.features(clean)).flatten(1).norm(dim=1)
    assert (moved > 0.1 * tiny.features(clean).flatten(1).norm(dim=1)).all()


@attacks
def test_no_budget_returns_the_clean_images(name: str, tiny: Classifier) -> None:
    clean = random_images()
    assert torch.equal(craft(compose(name, eps=0), tiny, clean), clean)


@attacks
def test_an_image_does_not_depend_on_its_batch(name: str, tiny: Classifier) -> None:
    attack, clean, others = compose(name), random_images(), random_images(seed=1)
    usual = craft(attack, tiny, clean, [0, 1, 2, 3])[1]
    elsewhere = craft(attack, tiny, torch.stack([*others[:3], clean[1]]), [7, 8, 9, 1])[3]
    assert torch.equal(elsewhere, usual)
    alone = craft(attack, tiny, clean[1:2], [1])[0]
    torch.testing.assert_close(alone, usual, rtol=0, atol=1e-9)


@attacks
def test_the_surrogate_is_left_as_it_was(name: str, tiny: Classifier) -> None:
    tiny.train()
    tiny.network.get_submodule("conv1").eval()
    modes = [module.training for module in tiny.modules()]
    craft(compose(name), tiny, random_images())
    assert [module.training for module in tiny.modules()] == modes
    assert_untouched(tiny)


def assert_untouched(surrogate: Classifier) -> None:
    assert all(parameter.requires_grad and parameter.grad is None for parameter in surrogate.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in surrogate.modules())


class Failing(nn.Module):
    """Raises at its n-th pass."""

    def __init__(self, passes: int) -> None:
        super().__init__()
        self.left = passes

    def forward(self, features: Tensor) -> Tensor:
        self.left -= 1
        if self.left < 0:
            raise RuntimeError("out of memory")
        return features


def failing(passes: int) -> Iterator[Classifier]:
    """Surrogates that fail below and above their attacked layer."""
    for first in (True, False):
        parts: list[nn.Module] = [
            nn.Conv2d(3, 8, 3),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(8, 10),
        ]
        parts.insert(0 if first else 2, Failing(passes))
        network = nn.Sequential(*parts).double()
        yield Classifier(network, mean=[0.5] * 3, std=[0.5] * 3, layer="2" if first else "1").double()


@attacks
@pytest.mark.parametrize("passes", [0, 1, 4])
def test_a_failure_leaves_no_hook(name: str, passes: int) -> None:
    for surrogate in failing(passes):
        surrogate.train()
        try:
            craft(compose(name), surrogate, random_images())
        except RuntimeError:
            assert all(module.training for module in surrogate.modules())
        assert_untouched(surrogate)


@attacks
def test_the_attack_works_without_gradients_around_it(name: str, tiny: Classifier) -> None:
    usual = craft(compose(name), tiny, random_images())
    with torch.no_grad():
        assert torch.equal(craft(compose(name), tiny, random_images()), usual)


@attacks
def test_the_clean_images_are_not_changed(name: str, tiny: Classifier) -> None:
    clean = random_images()
    craft(compose(name), tiny, clean)
    assert torch.equal(clean, random_images())
    assert not clean.requires_grad


@attacks
@pytest.mark.parametrize("factor", [0.0, 1e4])
def test_a_constant_or_saturated_network_gives_finite_images(name: str, factor: float) -> None:
    clean = random_images(dtype=torch.float32)
    crafted = craft(compose(name), scaled_logits(factor), clean)
    assert crafted.isfinite().all()
    assert (crafted - clean).abs().max() <= EPS + 1e-6


@attacks
def test_float32_and_bfloat16_autocast(name: str) -> None:
    clean = random_images(dtype=torch.float32)
    full = craft(compose(name), single(), clean)
    with torch.autocast("cpu", torch.bfloat16):
        reduced = craft(compose(name), single(), clean)
    for crafted in (full, reduced):
        assert crafted.dtype == torch.float32
        assert crafted.isfinite().all()
        assert 0 < (crafted - clean).abs().max() <= EPS + 1e-6
    same = (full - clean).sign() == (reduced - clean).sign()
    assert same.double().mean() > 0.6


@attacks
def test_a_temperature_undoes_the_scale_of_the_logits(name: str) -> None:
    """To the bit, the scale being a power of two; without it this network is saturated."""
    attack, tempered = compose(name), compose(name)
    tempered.temperature = 2.0**12
    images = random_images(dtype=torch.float32)
    assert torch.equal(craft(tempered, scaled_logits(2.0**12), images), craft(attack, single(), images))
