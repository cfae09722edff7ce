"""Passes through a network that stop at one layer, or need gradients only above it."""

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from naa_lightning.models.logits import logits_of


class LayerError(ValueError):
    """A network has the attacked layer, but does not run it as an attack needs."""


class _Reached(Exception):  # noqa: N818 - not an error: it ends a forward pass early
    def __init__(self, output: Tensor) -> None:
        self.output = output


def find_layer(network: nn.Module, name: str) -> nn.Module:
    """Return the submodule called `name`.

    Raises:
        ValueError: There is none; the message lists the closest names.

    Example:
        >>> find_layer(nn.Sequential(nn.ReLU(), nn.Flatten()), "1")
        Flatten(start_dim=1, end_dim=-1)
    """
    names = [candidate for candidate, _ in network.named_modules() if candidate]
    if name in names:
        return network.get_submodule(name)
    close = get_close_matches(name, names, n=5, cutoff=0.4) or names[:5]
    raise ValueError(f"there is no layer {name!r}; the closest are {', '.join(close)}")


def features_at(network: nn.Module, layer: nn.Module, inputs: Tensor) -> Tensor:
    """Return the output of `layer` and leave out everything above it.

    Gradients flow from the result to `inputs`.

    Raises:
        LayerError: The forward pass does not reach the layer, or its output is no tensor.
    """

    def stop(_module: nn.Module, _args: Any, output: Any) -> None:
        raise _Reached(_as_tensor(output))

    with layer.register_forward_hook(stop):
        try:
            network(inputs)
        except _Reached as reached:
            return reached.output
    raise _ran(0)


def features_and_outputs(network: nn.Module, layer: nn.Module, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return the output of `layer` and the network's logits (B, K), which are computed from it.

    Gradients flow from both results to `inputs`, and from the second to the first.

    Raises:
        LayerError: As `features_at`, or the layer runs more than once.
    """
    found: list[Tensor] = []

    def keep(features: Tensor) -> Tensor:
        found.append(features)
        return features

    outputs = outputs_with(network, layer, inputs, keep)
    return found[0], outputs


def outputs_with(network: nn.Module, layer: nn.Module, inputs: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """Return the network's logits (B, K) when what `layer` puts out is changed on its way.

    Args:
        network: The network, which contains `layer`.
        layer: The layer whose output is changed.
        inputs: The inputs of the network, of shape (B, 3, h, w).
        change: A function from the layer's output to what the network goes on with, of the same shape.

    Raises:
        LayerError: As `features_and_outputs`.
        ValueError: The network returns something else than logits.
    """
    times = 0

    def replace(_module: nn.Module, _args: Any, output: Any) -> Tensor:
        nonlocal times
        times += 1
        return change(_as_tensor(output)).clone()  # the next layer may work in place

    with layer.register_forward_hook(replace):
        outputs = network(inputs)
    if times != 1:
        raise _ran(times)
    return logits_of(outputs)


class Above(NamedTuple):
    """What `above` returns.

    Args:
        features: The layer's output, as a leaf that requires gradients.
        outputs: The network's logits of shape (B, K), computed from it.
        change: The derivative of the layer's output along the tangent of the inputs; None where they have none.
    """

    features: Tensor
    outputs: Tensor
    change: Tensor | None


def above(network: nn.Module, layer: nn.Module, inputs: Tensor) -> Above:
    """Run the whole network, recording gradients only from `layer` upwards and tangents only below it.

    Args:
        network: The network, which contains `layer`.
        layer: The layer at which gradients begin.
        inputs: The inputs of the network, of shape (B, 3, h, w); dual tensors of `torch.autograd.forward_ad` if the
            layer's change is wanted.

    Raises:
        LayerError: The forward pass does not reach the layer, reaches it more than once, or its output is
            no tensor.
    """
    found: list[tuple[Tensor, Tensor | None]] = []

    def cut(output: Tensor) -> Tensor:
        features, change = forward_ad.unpack_dual(output)  # type: ignore[no-untyped-call]
        leaf: Tensor = features.detach().requires_grad_()
        found.append((leaf, change))
        torch.set_grad_enabled(True)
        return leaf

    with torch.no_grad():
        outputs = outputs_with(network, layer, inputs, cut)
    features, change = found[0]
    return Above(features, outputs, change)


def _ran(times: int) -> LayerError:
    return LayerError(f"the attacked layer must run once in a forward pass, it ran {times} times")


def _as_tensor(output: Any) -> Tensor:
    if not isinstance(output, Tensor):
        raise LayerError(f"the attacked layer must put out one tensor, not a {type(output).__name__}")
    return output
