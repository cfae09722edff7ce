"""The layers of a network that an attack may aim at, found by running it once."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from naa_lightning.models.classifier import Classifier, frozen
from naa_lightning.models.graph import Vertex, paths_through, vertex_of
from naa_lightning.models.layer import LayerError, find_layer


@dataclass(frozen=True)
class CandidateLayer:
    """A layer that an attack may aim at.

    Args:
        name: The dotted name of the layer inside the classifier's network.
        shape: The shape of its output for one image, without the batch.
        progress: The share of all calls of the network's modules that are over when it has run, in (0, 1].
    """

    name: str
    shape: tuple[int, ...]
    progress: float


def candidate_layers(
    model: Classifier, images: Tensor, *, depth: int, limit: int | None = None, branches: bool = False
) -> list[CandidateLayer]:
    """Return the layers that put out one map or one sequence of tokens per image, in the order in which they end.

    Left out are layers that run more than once, those whose output has a single position, those that pass their
    input on, such as dropout, and those that the logits do not depend on. Of a container and the layer inside it whose
    output it passes on, the container is kept: its name is shorter.

    Args:
        model: The classifier whose network is run.
        images: An image of shape (1, 3, H, W) in [0, 1], whose content does not matter.
        depth: The greatest number of dotted parts of a name.
        limit: The greatest number of layers, which are spread evenly over all that are found, first and last included;
            None returns all.
        branches: Whether layers are found that other layers run beside, as in the branches of an Inception module or
            under a shortcut. Otherwise all that the logits know of the image has passed through each layer.

    Example:
        >>> network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Dropout(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> model = Classifier(network, mean=[0.5] * 3, std=[0.5] * 3)
        >>> for layer in candidate_layers(model, torch.zeros(1, 3, 8, 8), depth=1):
        ...     print(layer)
        CandidateLayer(name='0', shape=(4, 6, 6), progress=0.2)
        CandidateLayer(name='1', shape=(4, 6, 6), progress=0.4)
    """
    calls = _calls(model, images)
    found: dict[int, int] = {}
    for index, call in enumerate(calls):
        if call.output is None or call.output in call.inputs or not _is_map(call.shape):
            continue
        if call.name.count(".") >= depth or not (call.on_a_path if branches else call.on_every_path):
            continue
        found[call.output] = index  # in place of a layer inside it, which ended before
    names = [call.name for call in calls]
    once = [index for index in sorted(found.values()) if names.count(names[index]) == 1]
    return _spread([_candidate(calls, index) for index in once], limit)


def named_layers(model: Classifier, images: Tensor, names: Sequence[str]) -> list[CandidateLayer]:
    """Return the layers of these names, in the order in which they end.

    Args:
        model: The classifier whose network is run.
        images: An image of shape (1, 3, H, W) in [0, 1], whose content does not matter.
        names: The dotted names of layers inside the classifier's network.

    Raises:
        ValueError: The network has no such layer, or (`LayerError`) it cannot be attacked: it does not run once, puts
            out no tensor, or nothing that the logits depend on.
    """
    for name in names:
        find_layer(model.network, name)
    calls = _calls(model, images)
    ran = [call.name for call in calls]
    for name in names:
        if ran.count(name) != 1:
            raise LayerError(f"{name} must run once in a forward pass, it ran {ran.count(name)} times")
        if not calls[ran.index(name)].on_a_path:
            raise LayerError(f"{name} must put out one tensor that the logits depend on")
    return [_candidate(calls, index) for index, name in enumerate(ran) if name in names]


@dataclass(frozen=True)
class _Call:
    """One call of a module.

    Args:
        name: The dotted name of the module.
        inputs: The numbers, as of `_Contents`, of its positional arguments that are tensors.
        output: The number of its output; None where that is not one tensor.
        shape: The shape of its output.
        vertex: The place of its output in autograd's graph; None where that does not depend on the images.
        on_a_path: Whether the logits depend on its output.
        on_every_path: Whether they depend on the images through its output alone.
    """

    name: str
    inputs: frozenset[int]
    output: int | None = None
    shape: tuple[int, ...] = ()
    vertex: Vertex | None = None
    on_a_path: bool = False
    on_every_path: bool = False


def _is_map(shape: tuple[int, ...]) -> bool:
    """Whether it is (1, C, h, w) or (1, T, C) with more than one position."""
    if len(shape) not in {3, 4} or shape[0] != 1:
        return False
    return shape[1] > 1 if len(shape) == 3 else shape[2] * shape[3] > 1


def _candidate(calls: Sequence[_Call], index: int) -> CandidateLayer:
    return CandidateLayer(calls[index].name, calls[index].shape[1:], (index + 1) / len(calls))


def _spread(layers: list[CandidateLayer], limit: int | None) -> list[CandidateLayer]:
    if limit is None or len(layers) <= limit:
        return layers
    step = (len(layers) - 1) / max(1, limit - 1)
    return [layers[round(number * step)] for number in range(limit)]


def _calls(model: Classifier, images: Tensor) -> list[_Call]:
    """Run the network once and return the calls of its modules, in the order in which they end."""
    calls: list[_Call] = []
    running: list[frozenset[int]] = []
    contents = _Contents()

    def begin(_module: nn.Module, args: tuple[Any, ...]) -> None:
        running.append(frozenset(contents.number(value) for value in args if isinstance(value, Tensor)))

    def end(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def note(_module: nn.Module, _args: Any, output: Any) -> None:
            call = _Call(name, running.pop())
            if isinstance(output, Tensor):
                number = contents.number(output)
                call = replace(call, output=number, shape=tuple(output.shape), vertex=vertex_of(output))
            calls.append(call)

        return note

    leaf = images.detach().clone().requires_grad_()
    with frozen(model), torch.enable_grad(), _hooked(model.network, begin, end):
        logits = model(leaf)
    through = paths_through(vertex_of(logits), vertex_of(leaf))
    every = max(through.values(), default=0)  # as many go through the logits themselves
    numbers = [0 if call.vertex is None else through.get(call.vertex, 0) for call in calls]
    return [
        replace(call, on_a_path=number > 0, on_every_path=0 < number == every)
        for call, number in zip(calls, numbers, strict=True)
    ]


@contextmanager
def _hooked(
    network: nn.Module,
    begin: Callable[[nn.Module, tuple[Any, ...]], None],
    end: Callable[[str], Callable[[nn.Module, Any, Any], None]],
) -> Iterator[None]:
    modules = [(name, module) for name, module in network.named_modules() if name]
    handles = [module.register_forward_pre_hook(begin) for _, module in modules]
    handles += [module.register_forward_hook(end(name)) for name, module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class _Contents:
    """Numbers what tensors hold: views of the same values get one number, and overwritten values a new one.

    Autograd knows that values were overwritten: the tensor then has another place in its graph.
    """

    def __init__(self) -> None:
        self._last: dict[tuple[int, int], int] = {}
        self._seen: list[tuple[Tensor, Vertex | None]] = []  # kept, so that no address is used twice

    def number(self, tensor: Tensor) -> int:
        """Return the number of what a tensor holds now."""
        place = tensor.data_ptr(), tensor.numel()
        if place in self._last:
            earlier, vertex = self._seen[self._last[place]]
            if vertex_of(earlier) == vertex:
                return self._last[place]
        self._last[place] = len(self._seen)
        self._seen.append((tensor, vertex_of(tensor)))
        return self._last[place]
