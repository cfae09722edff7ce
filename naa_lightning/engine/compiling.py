"""Compiling a network around its attacked layers."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from naa_lightning.models import Classifier

# torch gives up on code that it has compiled for as many shapes: layers of one kind share theirs.
_RECOMPILE_LIMIT = 1024


def compile_parts(classifier: Classifier, mode: str) -> None:
    """Compile, with `torch.compile`, the largest parts of a network that no attacked layer lies within, in place.

    Passes stop at attacked layers, so that what surrounds these is left to Python.

    Args:
        classifier: Its inputs keep their shape from pass to pass; each new one is compiled anew.
        mode: One of torch's: "default", "reduce-overhead", which records CUDA graphs, or "max-autotune".
    """
    torch._dynamo.config.recompile_limit = _RECOMPILE_LIMIT
    torch._dynamo.config.accumulated_recompile_limit = _RECOMPILE_LIMIT
    attacked = {classifier.network.get_submodule(layer) for layer in classifier.layers}
    for part in _parts(classifier.network, classifier.layers):
        forward = torch.compile(part.forward, mode=mode, dynamic=False)
        part.forward = partial(_copied, forward) if part in attacked else forward


def _copied(forward: Callable[..., Tensor], *args: Any, **options: Any) -> Tensor:
    """Return an output that may be kept: the next pass of a CUDA graph overwrites its own."""
    return forward(*args, **options).clone()


def _parts(module: nn.Module, layers: tuple[str, ...]) -> Iterator[nn.Module]:
    for name, child in module.named_children():
        within = tuple(layer.removeprefix(f"{name}.") for layer in layers if layer.startswith(f"{name}."))
        if within or isinstance(child, nn.ModuleList | nn.ModuleDict):
            yield from _parts(child, within)
        else:
            yield child
