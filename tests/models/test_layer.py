from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from naa_lightning.models.layer import Above, features_at, find_layer, logits_with
from naa_lightning.models.layer import above as above_the_layer

Pass = Callable[[nn.Module, nn.Module, Tensor], Any]


def unchanged(network: nn.Module, layer: nn.Module, inputs: Tensor) -> Any:
    return logits_with(network, layer, inputs, lambda output: output)


def above(network: nn.Module, layer: nn.Module, inputs: Tensor) -> Above:
    return above_the_layer(partial(logits_with, network, layer), inputs)


def features_and_logits(network: nn.Module, layer: nn.Module, inputs: Tensor) -> tuple[Tensor, Tensor]:
    found: list[Tensor] = []

    def keep(output: Tensor) -> Tensor:
        found.append(output)
        return output

    logits = logits_with(network, layer, inputs, keep)
    return found[0], logits


def moving(network: nn.Module, layer: nn.Module, inputs: Tensor) -> Any:
    with forward_ad.dual_level():
        return above(network, layer, dual(inputs, torch.ones_like(inputs)))


def dual(inputs: Tensor, tangent: Tensor) -> Tensor:
    result: Tensor = forward_ad.make_dual(inputs, tangent)  # type: ignore[no-untyped-call]
    return result


PASSES: list[Pass] = [features_at, features_and_logits, above, moving, unchanged]
WHOLE_PASSES: list[Pass] = [features_and_logits, above, moving]


class Network(nn.Module):
    """`layer`, then a ReLU in place, then a nonlinear head."""

    def __init__(self) -> None:
        super().__init__()
        self.below = nn.Conv2d(3, 4, 3)
        self.layer = nn.Conv2d(4, 5, 3)
        self.relu = nn.ReLU(inplace=True)
        self.above = nn.Linear(5, 6)

    def features(self, inputs: Tensor) -> Tensor:
        features: Tensor = self.layer(torch.tanh(self.below(inputs)))
        return features

    def head(self, features: Tensor) -> Tensor:
        outputs: Tensor = self.above(self.relu(features).square().mean(dim=(2, 3)))
        return outputs

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.features(inputs))


class Failing(nn.Module):
    def forward(self, inputs: Tensor) -> Tensor:
        raise RuntimeError("above the layer")


class Fork(nn.Module):
    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        return inputs, inputs


class TakesFirst(nn.Module):
    def forward(self, inputs: tuple[Tensor, Tensor]) -> Tensor:
        return inputs[0]


class LeavesOut(nn.Module):
    """Holds a layer that its forward pass does not run."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs * 2


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    return Network().double()


@pytest.fixture
def inputs() -> Tensor:
    return torch.rand(2, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def hooks(network: nn.Module) -> int:
    return sum(len(module._forward_hooks) for module in network.modules())


@torch.no_grad()
def reference(network: Network, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Features before the ReLU in place, and outputs, of the network without hooks."""
    return network.features(inputs), network(inputs)


def test_features_at_are_those_before_the_next_layer_in_place(network: Network, inputs: Tensor) -> None:
    features = features_at(network, network.layer, inputs)
    assert (features < 0).any()
    assert torch.equal(features, reference(network, inputs)[0])


@pytest.mark.parametrize("run", WHOLE_PASSES)
def test_features_and_logits_are_those_of_the_plain_network(run: Pass, network: Network, inputs: Tensor) -> None:
    for ours, plain in zip(run(network, network.layer, inputs)[:2], reference(network, inputs), strict=True):
        assert torch.equal(ours, plain)


def test_gradient_flows_from_the_features_to_the_inputs(network: Network, inputs: Tensor) -> None:
    inputs.requires_grad_()
    (ours,) = torch.autograd.grad(features_at(network, network.layer, inputs).sin().sum(), inputs)
    (plain,) = torch.autograd.grad(network.features(inputs).sin().sum(), inputs)
    assert torch.equal(ours, plain)


def test_gradient_above_the_layer(network: Network, inputs: Tensor) -> None:
    features, outputs, _ = above(network, network.layer, inputs)
    (ours,) = torch.autograd.grad(outputs.sin().sum(), features)
    leaf = network.features(inputs).detach().requires_grad_()
    (plain,) = torch.autograd.grad(network.head(leaf.clone()).sin().sum(), leaf)
    assert torch.equal(ours, plain)


def test_a_layer_that_works_in_place_itself(network: Network, inputs: Tensor) -> None:
    features, outputs, _ = above(network, network.relu, inputs)
    (ours,) = torch.autograd.grad(outputs[:, 0].sum(), features)
    size = features[0, 0].numel()
    closed_form = 2 * features * network.above.weight[0].detach().view(1, 5, 1, 1) / size
    torch.testing.assert_close(ours, closed_form)


def test_above_records_nothing_below(network: Network, inputs: Tensor) -> None:
    inputs.requires_grad_()
    features, outputs, _ = above(network, network.layer, inputs)
    assert features.is_leaf
    torch.autograd.backward(outputs.sum())
    assert inputs.grad is None
    assert network.layer.weight.grad is None
    assert network.below.weight.grad is None
    assert features.grad is not None


@pytest.mark.parametrize("run", PASSES)
def test_a_layer_that_puts_out_its_input_leaves_it_as_it_was(run: Pass, inputs: Tensor) -> None:
    before, network = inputs.clone(), nn.Sequential(nn.Identity(), nn.ReLU(inplace=True), nn.Flatten())
    run(network, network[0], inputs)
    assert torch.equal(inputs, before)
    assert not inputs.requires_grad


def test_features_at_does_not_run_what_is_above(inputs: Tensor) -> None:
    network = nn.Sequential(nn.Tanh(), Failing())
    assert torch.equal(features_at(network, network[0], inputs), inputs.tanh())


@pytest.mark.parametrize("run", WHOLE_PASSES)
def test_a_layer_that_runs_twice_is_refused(run: Pass, inputs: Tensor) -> None:
    layer = nn.Tanh()
    with pytest.raises(ValueError, match="must run once in a forward pass, it ran 2 times"):
        run(nn.Sequential(layer, layer), layer, inputs)


@pytest.mark.parametrize("run", PASSES)
def test_a_layer_that_never_runs_is_refused(run: Pass, inputs: Tensor) -> None:
    network = LeavesOut(nn.Tanh())
    with pytest.raises(ValueError, match="must run once in a forward pass, it ran 0 times"):
        run(network, network.layer, inputs)


@pytest.mark.parametrize("run", PASSES)
def test_a_layer_that_gives_a_tuple_is_refused(run: Pass, inputs: Tensor) -> None:
    network = nn.Sequential(Fork(), TakesFirst())
    with pytest.raises(ValueError, match="must put out one tensor, not a tuple"):
        run(network, network[0], inputs)


@pytest.mark.parametrize("run", PASSES)
def test_no_hook_is_left(run: Pass, network: Network, inputs: Tensor) -> None:
    run(network, network.layer, inputs)
    assert hooks(network) == 0


@pytest.mark.parametrize("run", PASSES)
def test_no_hook_is_left_when_the_network_fails(run: Pass, inputs: Tensor) -> None:
    network = nn.Sequential(nn.Tanh(), Failing(), nn.Tanh())
    with pytest.raises(RuntimeError, match="above the layer"):
        run(network, network[2], inputs)
    assert hooks(network) == 0


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("run", PASSES)
def test_gradient_mode_is_restored(run: Pass, enabled: bool, network: Network, inputs: Tensor) -> None:
    with torch.set_grad_enabled(enabled):
        run(network, network.layer, inputs)
        assert torch.is_grad_enabled() == enabled


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("run", WHOLE_PASSES)
def test_gradient_mode_is_restored_when_the_network_fails(run: Pass, enabled: bool, inputs: Tensor) -> None:
    network = nn.Sequential(nn.Tanh(), Failing())
    with torch.set_grad_enabled(enabled):
        with pytest.raises(RuntimeError, match="above the layer"):
            run(network, network[0], inputs)
        assert torch.is_grad_enabled() == enabled


def test_above_has_gradients_under_no_grad(network: Network, inputs: Tensor) -> None:
    with torch.no_grad():
        features, outputs, _ = above(network, network.layer, inputs)
    assert torch.autograd.grad(outputs.sum(), features)[0].abs().sum() > 0


def test_find_layer_finds_nested_modules(network: Network) -> None:
    nested = nn.ModuleDict({"body": nn.Sequential(nn.ReLU(), network)})
    assert find_layer(nested, "body.1.layer") is network.layer


@pytest.mark.parametrize(("wrong", "close"), [("layers", "layer"), ("abov", "above"), ("zzz", "below")])
def test_find_layer_names_close_matches(wrong: str, close: str, network: Network) -> None:
    with pytest.raises(ValueError, match=rf"there is no layer '{wrong}'; the closest are .*\b{close}\b"):
        find_layer(network, wrong)


def test_logits_with_goes_on_with_the_change(network: Network, inputs: Tensor) -> None:
    inputs.requires_grad_()
    ours = logits_with(network, network.layer, inputs, lambda output: 2 * output - 1)
    plain = network.head(2 * network.features(inputs) - 1)
    assert torch.equal(ours, plain)
    for result in (ours, plain):
        result.sum().backward(retain_graph=True)  # type: ignore[no-untyped-call]
    (gradient,) = torch.autograd.grad(ours.sum(), inputs, retain_graph=True)
    (reference_gradient,) = torch.autograd.grad(plain.sum(), inputs)
    assert torch.equal(gradient, reference_gradient)


def test_features_and_logits_carry_gradients(network: Network, inputs: Tensor) -> None:
    inputs.requires_grad_()
    features, outputs = features_and_logits(network, network.layer, inputs)
    to_inputs, to_features = torch.autograd.grad(outputs.sin().sum(), [inputs, features])
    assert torch.equal(to_inputs, torch.autograd.grad(network(inputs).sin().sum(), inputs)[0])
    leaf, outputs, _ = above(network, network.layer, inputs.detach())
    assert torch.equal(to_features, torch.autograd.grad(outputs.sin().sum(), leaf)[0])


@pytest.mark.parametrize("enabled", [True, False])
def test_the_layers_change_along_the_tangent_of_the_inputs(enabled: bool, network: Network, inputs: Tensor) -> None:
    """Against reverse-mode differentiation; the gradient above is the same as without a tangent."""
    tangent = torch.randn(inputs.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    with torch.set_grad_enabled(enabled), forward_ad.dual_level():
        features, outputs, change = above(network, network.layer, dual(inputs, tangent))
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(outputs.sin().sum(), features)
    slopes = torch.func.jacrev(network.features)(inputs)
    assert change is not None
    assert not change.requires_grad
    torch.testing.assert_close(change, (slopes * tangent).flatten(inputs.ndim).sum(-1))
    plain = above(network, network.layer, inputs)
    assert torch.equal(features, plain.features)
    assert torch.equal(gradient, torch.autograd.grad(plain.logits.sin().sum(), plain.features)[0])


def test_tangents_end_at_the_layer(network: Network, inputs: Tensor) -> None:
    with forward_ad.dual_level():
        features, outputs, _ = above(network, network.layer, dual(inputs, torch.ones_like(inputs)))
        for result in (features, outputs):
            assert forward_ad.unpack_dual(result).tangent is None  # type: ignore[no-untyped-call]


def test_inputs_without_a_tangent_change_nothing(network: Network, inputs: Tensor) -> None:
    assert above(network, network.layer, inputs).change is None
    with forward_ad.dual_level():
        assert above(network, network.layer, inputs).change is None
