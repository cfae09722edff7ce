"""Passes through a network that stop at one layer, or need gradients only above it.

A network is given as the function that runs it, from what it takes to logits.
"""

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

Run: TypeAlias = Callable[[Tensor], Tensor]
"""A function from what a network takes to logits of shape (B, K)."""


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
    modules: dict[str, nn.Module] = {candidate: module for candidate, module in network.named_modules() if candidate}
    if name in modules:
        return modules[name]
    close = get_close_matches(name, modules, n=5, cutoff=0.4) or list(modules)[:5]
    raise ValueError(f"there is no layer {name!r}; the closest are {', '.join(close)}")


def features_at(run: Run, layer: nn.Module, inputs: Tensor) -> Tensor:
    """Return the output of `layer` and leave out everything above it.

    Gradients flow from the result to `inputs`.

    Raises:
        LayerError: The forward pass does not reach the layer, or its output is no tensor.
    """

    def stop(_module: nn.Module, _args: Any, output: Any) -> None:
        raise _Reached(_as_tensor(output))

    with layer.register_forward_hook(stop):
        try:
            run(inputs)
        except _Reached as reached:
            return reached.output
    raise _ran(0)


def logits_with(run: Run, layer: nn.Module, inputs: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """Return a network's logits (B, K) when what `layer` puts out is changed on its way.

    Args:
        run: The network.
        layer: The layer, of the network, whose output is changed.
        inputs: The inputs of the network.
        change: A function from the layer's output to what the network goes on with, of the same shape.

    Raises:
        LayerError: As `features_at`, or the layer runs more than once.
    """
    times = 0

    def replace(_module: nn.Module, _args: Any, output: Any) -> Tensor:
        nonlocal times
        times += 1
        return change(_as_tensor(output)).clone()  # the next layer may work in place

    with layer.register_forward_hook(replace):
        logits = run(inputs)
    if times != 1:
        raise _ran(times)
    return logits


class Above(NamedTuple):
    """What `above` returns.

    Args:
        features: The layer's output, as a leaf that requires gradients.
        logits: The network's logits of shape (B, K), computed from it.
        change: The derivative of the layer's output along the tangent of the inputs; None where they have none.
    """

    features: Tensor
    logits: Tensor
    change: Tensor | None


def above(run_with: Callable[[Tensor, Callable[[Tensor], Tensor]], Tensor], inputs: Tensor) -> Above:
    """Run the whole network, recording gradients only from a layer upwards and tangents only below it.

    Args:
        run_with: A function from the inputs of the network and a change of the layer's output to logits, see
            `logits_with`.
        inputs: The inputs of the network; dual tensors of `torch.autograd.forward_ad` if the layer's change is wanted.

    Raises:
        LayerError: As `logits_with`.
    """
    found: list[tuple[Tensor, Tensor | None]] = []

    def cut(output: Tensor) -> Tensor:
        features, change = forward_ad.unpack_dual(output)  # type: ignore[no-untyped-call]
        leaf: Tensor = features.detach().requires_grad_()
        found.append((leaf, change))
        torch.set_grad_enabled(True)
        return leaf

    with torch.no_grad():
        logits = run_with(inputs, cut)
    features, change = found[0]
    return Above(features, logits, change)


def _ran(times: int) -> LayerError:
    return LayerError(f"the attacked layer must run once in a forward pass, it ran {times} times")


def _as_tensor(output: Any) -> Tensor:
    if not isinstance(output, Tensor):
        raise LayerError(f"the attacked layer must put out one tensor, not a {type(output).__name__}")
    return output
