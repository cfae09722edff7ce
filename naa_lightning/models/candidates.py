"""The layers of a network that an attack may aim at, found by running it once."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn

from naa_lightning.models.classifier import Classifier, frozen
from naa_lightning.models.graph import Vertex, paths_through, vertex_of
from naa_lightning.models.layer import LayerError, find_layer

ANY_DEPTH = 99
"""More dotted parts than a name has."""
# As the study of layers looks for candidates, unless it is told otherwise.
_DEPTH = 2
# What counts as the middle of a network, as shares of its calls.
_MIDDLE = (1 / 3, 2 / 3)
# So many are listed where none is named.
_LISTED = 12


@dataclass(frozen=True)
class CandidateLayer:
    """A layer that an attack may aim at.

    Args:
        name: The dotted name inside the classifier's network.
        shape: The shape of the output for one image.
        progress: The share of all calls of the network's modules that have ended when the layer has run, in (0, 1].
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
        images: Images of shape (1, 3, H, W) in [0, 1], whose content does not matter.
        depth: The largest number of dotted parts in a name.
        limit: The largest number of layers, spread evenly over all that are found, first and last included. None means
            all.
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
        if call.gives is None or call.gives in call.takes or not _is_map(call.shape, model.batch_sizes[0]):
            continue
        if call.name.count(".") >= depth or not (call.on_a_path if branches else call.on_every_path):
            continue
        found[call.gives] = index  # in place of a layer inside it, which ended before
    names = [call.name for call in calls]
    once = [index for index in sorted(found.values()) if names.count(names[index]) == 1]
    return _spread([_candidate(calls, index) for index in once], limit)


def named_layers(model: Classifier, images: Tensor, names: Sequence[str]) -> list[CandidateLayer]:
    """Return the layers of these names, in the order in which they end.

    Args:
        model: The classifier whose network is run.
        images: Images of shape (1, 3, H, W) in [0, 1], whose content does not matter.
        names: The dotted names inside the classifier's network.

    Raises:
        ValueError: The network has no such layer, or (`LayerError`) it cannot be attacked: it does not run once, puts
            out no tensor, or nothing that the logits depend on.
    """
    for name in names:
        find_layer(model.network, name)
    calls = _calls(model, images)
    ran = [call.name for call in calls]
    for name in names:
        if not ran.count(name):
            raise LayerError(f"{name} never runs in a forward pass{_nearest(name, ran)}")
        if ran.count(name) != 1:
            raise LayerError(f"{name} must run once in a forward pass, it ran {ran.count(name)} times")
        if not calls[ran.index(name)].on_a_path:
            raise LayerError(f"{name} must put out one tensor that the logits depend on")
    return [_candidate(calls, index) for index, name in enumerate(ran) if name in names]


def check_attacked_layer(model: Classifier, images: Tensor) -> None:
    """Check that a classifier names an attacked layer.

    Args:
        model: The classifier, whose network is run where it names none.
        images: Images of shape (B, 3, H, W) in [0, 1], of which the first is used.

    Raises:
        LayerError: It names none; the message suggests some.
    """
    if model.layers:
        return
    found = _choice(model, images[:1])
    if not found:
        raise LayerError("the classifier names no attacked layer, and has none that could be attacked")
    listed = ", ".join(f"{layer.name} {layer.shape}" for layer in _spread(found, _LISTED))
    raise LayerError(
        f"the classifier names no attacked layer: give `layer`, one of {listed}; `layer=auto` takes "
        f"{_middle(found).name}"
    )


def middle_layer(model: Classifier, images: Tensor) -> CandidateLayer:
    """Return the candidate layer in the middle of a network.

    The candidates are those that a study of layers finds by itself: whatever the logits know of the image has passed
    through each, and names have at most two dotted parts, or as many more as it takes to find one in the middle third.
    Of them it is the one before whose end, of all calls of modules, nearest to one half have ended.

    Args:
        model: The classifier whose network is run.
        images: Images of shape (B, 3, H, W) in [0, 1], of which the first is used and whose content does not matter.

    Raises:
        LayerError: There is no candidate.
    """
    found = _choice(model, images[:1])
    if not found:
        raise LayerError("the network has no layer that could be attacked")
    return _middle(found)


def _choice(model: Classifier, images: Tensor) -> list[CandidateLayer]:
    """Return the candidates at the smallest depth at which one is in the middle, or else all there are."""
    everything = candidate_layers(model, images, depth=ANY_DEPTH)
    for depth in range(_DEPTH, 1 + max((layer.name.count(".") for layer in everything), default=0)):
        found = candidate_layers(model, images, depth=depth)
        if any(_MIDDLE[0] <= layer.progress <= _MIDDLE[1] for layer in found):
            return found
    return everything or candidate_layers(model, images, depth=ANY_DEPTH, branches=True)


def _middle(layers: Sequence[CandidateLayer]) -> CandidateLayer:
    return min(layers, key=lambda layer: abs(layer.progress - 0.5))


def _nearest(name: str, ran: Sequence[str]) -> str:
    """Say which layer that runs has the nearest name: the last one inside, or else the closest one beside."""
    inside = [other for other in ran if other.startswith(f"{name}.")]
    parent = f"{name.rpartition('.')[0]}."
    near = [min(inside, key=lambda other: (other.count("."), -ran.index(other)))] if inside else []
    near = near or get_close_matches(name, [other for other in ran if f"{other}.".startswith(parent)] or ran, 1, 0)
    return f": the nearest that does is {near[0]}" if near else ""


@dataclass(frozen=True)
class _Call:
    """One call of a module.

    Args:
        name: The name of the module.
        takes: The numbers, by `_Data`, of the positional arguments that are tensors.
        gives: The number of the output. None if that is not one tensor.
        shape: The shape of the output.
        vertex: The output in autograd's graph. None if it does not depend on the images.
        on_a_path: Whether the logits depend on the output.
        on_every_path: Whether the logits depend on the images through the output alone.
    """

    name: str
    takes: frozenset[int]
    gives: int | None = None
    shape: tuple[int, ...] = ()
    vertex: Vertex | None = None
    on_a_path: bool = False
    on_every_path: bool = False


def _is_map(shape: tuple[int, ...], count: int) -> bool:
    """Whether it is (B, C, h, w) or (B, T, C), of so many images, with more than one position."""
    if len(shape) not in {3, 4} or shape[0] != count:
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
    data = _Data()

    def begin(_module: nn.Module, args: tuple[Any, ...]) -> None:
        running.append(frozenset(data.number(value) for value in args if isinstance(value, Tensor)))

    def end(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def note(_module: nn.Module, _args: Any, output: Any) -> None:
            call = _Call(name, running.pop())
            if isinstance(output, Tensor):
                call = replace(call, gives=data.number(output), shape=tuple(output.shape), vertex=vertex_of(output))
            calls.append(call)

        return note

    leaf = images.detach().clone().requires_grad_()
    with frozen(model), torch.enable_grad(), ExitStack() as hooks:
        for name, module in model.network.named_modules():
            if name:
                hooks.enter_context(module.register_forward_pre_hook(begin))
                hooks.enter_context(module.register_forward_hook(end(name)))
        logits = model(leaf)
    through = paths_through(vertex_of(logits), vertex_of(leaf))
    every = max(through.values(), default=0)  # as many go through the logits themselves
    numbers = [0 if call.vertex is None else through.get(call.vertex, 0) for call in calls]
    return [
        replace(call, on_a_path=number > 0, on_every_path=0 < number == every)
        for call, number in zip(calls, numbers, strict=True)
    ]


class _Data:
    """Numbers tensors by their data, so that views of all of a tensor have its number, until it is changed in place."""

    def __init__(self) -> None:
        # tensors are kept until the pass is over, so that no address is used twice
        self._last: dict[tuple[int, int], tuple[Tensor, Vertex | None, int]] = {}
        self._numbers = count()

    def number(self, tensor: Tensor) -> int:
        """Return the number of a tensor's data."""
        place = tensor.data_ptr(), tensor.numel()
        known = self._last.get(place)
        if known is None or vertex_of(known[0]) != known[1]:  # a change in place gives a tensor another vertex
            known = self._last[place] = tensor, vertex_of(tensor), next(self._numbers)
        return known[2]
