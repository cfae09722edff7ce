"""Compiling a network around its attacked layers."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from naa_lightning.models import Classifier
from naa_lightning.models.layer import find_layer

# torch gives up on code that it has compiled for this many shapes, and all layers of one kind share their code.
_RECOMPILE_LIMIT = 1024


def compile_submodules(classifier: Classifier, mode: str) -> None:
    """Compile, with `torch.compile`, the largest submodules that contain no attacked layer, in place.

    A pass stops at an attacked layer, so the modules around one stay in Python.

    Args:
        classifier: The classifier whose network is compiled, anew for each new shape of its inputs.
        mode: A mode of `torch.compile`: "default", "reduce-overhead", which records CUDA graphs, or "max-autotune".
    """
    torch.compiler.config.recompile_limit = _RECOMPILE_LIMIT
    torch.compiler.config.accumulated_recompile_limit = _RECOMPILE_LIMIT
    attacked = {find_layer(classifier.network, layer) for layer in classifier.layers}
    for submodule in _without_attacked_layers(classifier.network, classifier.layers):
        forward = torch.compile(submodule.forward, mode=mode, dynamic=False)
        submodule.forward = partial(_cloned, forward) if submodule in attacked else forward


def _cloned(forward: Callable[..., Tensor], *args: Any, **options: Any) -> Tensor:
    """Return an output that may be kept: a CUDA graph overwrites its own in the next pass."""
    return forward(*args, **options).clone()


def _without_attacked_layers(module: nn.Module, layers: tuple[str, ...]) -> Iterator[nn.Module]:
    for name, child in module.named_children():
        within = tuple(layer.removeprefix(f"{name}.") for layer in layers if layer.startswith(f"{name}."))
        if within or isinstance(child, nn.ModuleList | nn.ModuleDict):
            yield from _without_attacked_layers(child, within)
        else:
            yield child
