"""Passes through a network that stop at one layer, or need gradients only above it."""

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor, nn


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

    handle = layer.register_forward_hook(stop)
    try:
        network(inputs)
    except _Reached as reached:
        return reached.output
    finally:
        handle.remove()
    return _only([])


def features_and_outputs(network: nn.Module, layer: nn.Module, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return the output of `layer` and that of the whole network, which is computed from it.

    Gradients flow from both results to `inputs`, and from the second to the first.

    Raises:
        LayerError: As `features_at`, or the layer runs more than once.
    """
    features: list[Tensor] = []

    def keep(_module: nn.Module, _args: Any, output: Any) -> Tensor:
        features.append(_as_tensor(output))
        return features[-1].clone()  # the next layer may work in place

    handle = layer.register_forward_hook(keep)
    try:
        outputs = network(inputs)
    finally:
        handle.remove()
    return _only(features), outputs


def outputs_with(network: nn.Module, layer: nn.Module, inputs: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """Return the network's output when what `layer` puts out is changed on its way.

    Args:
        network: Contains `layer`.
        layer: Whose output is changed.
        inputs: Of the network.
        change: Maps the layer's output to what the network goes on with, of the same shape.

    Raises:
        LayerError: As `features_and_outputs`.
    """
    changed: list[Tensor] = []

    def replace(_module: nn.Module, _args: Any, output: Any) -> Tensor:
        changed.append(change(_as_tensor(output)))
        return changed[-1].clone()  # the next layer may work in place

    handle = layer.register_forward_hook(replace)
    try:
        outputs: Tensor = network(inputs)
    finally:
        handle.remove()
    _only(changed)
    return outputs


def outputs_above(network: nn.Module, layer: nn.Module, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Run the whole network, recording gradients only from `layer` upwards.

    Returns:
        The layer's output as a leaf that requires gradients, and the network's output computed from it.

    Raises:
        LayerError: The forward pass does not reach the layer, reaches it more than once, or its output is
            no tensor.
    """
    leaves: list[Tensor] = []

    def cut(_module: nn.Module, _args: Any, output: Any) -> Tensor:
        leaves.append(_as_tensor(output).detach().requires_grad_())
        torch.set_grad_enabled(True)
        return leaves[-1].clone()  # the next layer may work in place, which a leaf forbids

    handle = layer.register_forward_hook(cut)
    try:
        with torch.no_grad():
            outputs = network(inputs)
    finally:
        handle.remove()
    return _only(leaves), outputs


def _only(features: list[Tensor]) -> Tensor:
    if len(features) != 1:
        raise LayerError(f"the attacked layer must run once in a forward pass, it ran {len(features)} times")
    return features[0]


def _as_tensor(output: Any) -> Tensor:
    if not isinstance(output, Tensor):
        raise LayerError(f"the attacked layer must put out one tensor, not a {type(output).__name__}")
    return output
