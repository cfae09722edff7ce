"""Copies of a model's weights are told from weights of another training, whatever they are called."""

import copy

import pytest
import torch
from torch import nn

from naa_lightning.models.shared_weights import WeightSamples, sampled_weights, shared_share, whose_weights


def network(seed: int, classes: int = 10, *, width: int = 32) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.ReLU(), nn.Flatten(), nn.Linear(width * 36, classes)
    )


def share(one: nn.Module, other: nn.Module) -> float:
    found = shared_share(sampled_weights(one), sampled_weights(other))
    assert found == shared_share(sampled_weights(other), sampled_weights(one))
    return found


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_a_copy_of_any_precision_and_with_other_names(kind: torch.dtype) -> None:
    original = network(0)
    renamed = nn.ModuleDict(
        {f"renamed_{name}": part for name, part in copy.deepcopy(original).to(kind).named_children()}
    )
    assert share(original, renamed) == 1
    assert share(original, renamed.to(torch.float32)) == 1


def test_a_copy_whose_weights_are_rounded_to_8_bits() -> None:
    original, rounded = network(0), network(0)
    for values in rounded.parameters():
        step = values.data.abs().max() / 127
        values.data = (values.data / step).round() * step
    assert share(original, rounded) == 1


def test_a_new_head_on_the_same_trunk() -> None:
    original, other = network(0), network(1, classes=3)
    other[0].load_state_dict(original[0].state_dict())
    trunk = 3 * 32 * 9 + 32
    assert share(original, other) == pytest.approx(trunk / (trunk + 32 * 36 * 3 + 3), abs=1e-3)


def test_what_another_seed_makes_shares_nothing() -> None:
    assert share(network(0), network(1)) == 0
    assert share(nn.Linear(3, 2), nn.Linear(3, 2)) == 0


def test_a_longer_training_of_the_same_start_is_another_model() -> None:
    torch.manual_seed(2)
    original, moved = network(0), network(0)
    for values in moved.parameters():
        values.data += 0.1 * values.data.abs().max() * torch.randn_like(values)
    assert share(original, moved) == 0


def test_a_model_within_a_larger_one() -> None:
    inner = network(0)
    assert share(inner, nn.ModuleList([network(1), inner, network(2)])) == 1


def test_what_training_has_not_touched_is_no_sign() -> None:
    assert sampled_weights(nn.BatchNorm2d(8)).tensors == ()
    assert share(nn.BatchNorm2d(8), nn.BatchNorm2d(8)) == 0
    assert share(nn.ReLU(), network(0)) == 0


def test_a_tensor_is_the_copy_of_one_other() -> None:
    part = nn.Linear(20, 20, bias=False)
    twice = nn.ModuleList([copy.deepcopy(part), copy.deepcopy(part)])
    once = nn.ModuleList([copy.deepcopy(part), nn.Linear(20, 20, bias=False)])
    assert share(twice, once) == 0.5


def test_the_model_with_most_of_the_weights_is_named() -> None:
    originals = {name: sampled_weights(network(seed)) for seed, name in enumerate(("a", "b"))}
    assert whose_weights(sampled_weights(network(1)), originals) == "b"
    assert whose_weights(sampled_weights(network(2)), originals) is None
    assert whose_weights(sampled_weights(network(1)), {}) is None
    assert whose_weights(WeightSamples(()), originals) is None


def test_scripted_models_are_read_too() -> None:
    original = network(0).eval()
    traced = torch.jit.trace(original, torch.zeros(1, 3, 8, 8))  # type: ignore[no-untyped-call]
    assert share(original, traced) == 1
