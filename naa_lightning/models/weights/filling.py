"""Filling a network with weights, which must fit in all their shapes."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from naa_lightning.exceptions import ModelError
from naa_lightning.models.weights.names import EXTRA, NOT_NEEDED, named_as
from naa_lightning.models.weights.reading import read_weights
from naa_lightning.told_once import tell

_IMAGENET = 1000


def load_weights(network: nn.Module, path: Path, key: str | None = None) -> None:
    """Fill a network with the weights in a file; they must fit exactly.

    Prefixes that tools put before the names are taken off, see `names.named_as`. What is chosen and left out is logged.

    Args:
        network: The network, whose parameters keep their precision whatever the file's.
        path: The file of the weights, see `read_weights`.
        key: The entry of a checkpoint that holds them, such as "state_dict_ema", or a prefix of their names, such as
            "teacher"; None for the usual entry.

    Raises:
        ModelError: The file is missing, of another kind, unreadable, or does not fit.
    """
    state, origin = read_weights(path, key=key)
    _fill(network, _named(network, state, origin), origin, state)


def start_from(network: nn.Module, state: Mapping[str, Tensor], origin: str) -> list[str]:
    """Fill a network with weights to start a training from, which may know other classes.

    The last layer, and whatever else tells apart the same classes, is left as it is where the weights know another
    number of them or have no last layer.

    Args:
        network: The network, whose parameters keep their precision whatever the weights'.
        state: The weights, by the names in their file.
        origin: The name of the weights in errors: "the weights in FILE".

    Returns:
        The names of what was left as it was.

    Raises:
        ModelError: The weights do not fit in anything else.
    """
    expected = network.state_dict()
    named = _named(network, state, origin)
    left = _of_other_classes(network, named)
    _fill(network, {**named, **{name: expected[name] for name in left}}, origin, state)
    return left


def _named(network: nn.Module, state: Mapping[str, Tensor], origin: str) -> dict[str, Tensor]:
    """Return weights under the network's names, and without the background class that TensorFlow puts first."""
    expected = network.state_dict()
    named = named_as(state, expected, origin)
    # An extra state of the network may be anything.
    named = {name: value for name, value in named.items() if isinstance(expected.get(name, value), Tensor)}
    with_background = [
        name
        for name, value in named.items()
        if name in expected
        and expected[name].shape[:1] == (_IMAGENET,)
        and value.shape == (_IMAGENET + 1, *expected[name].shape[1:])
    ]
    if with_background:
        tell(f"{origin}: the first of their {_IMAGENET + 1} classes is the background, and left out")
    return named | {name: named[name][1:] for name in with_background}


def _fill(network: nn.Module, state: Mapping[str, Tensor], origin: str, held: Mapping[str, Tensor]) -> None:
    """Fill a network with weights by its own names, of those that their file holds."""
    expected = network.state_dict()
    missing = [name for name in expected if name not in state and not name.endswith(NOT_NEEDED)]
    differences = [
        _counted("missing", missing),
        _counted("unexpected", [name for name in state if name not in expected]),
        _counted(
            "of another shape",
            [
                f"{name} {tuple(state[name].shape)} instead of {tuple(value.shape)}"
                for name, value in expected.items()
                if name in state and not name.endswith(EXTRA) and state[name].shape != value.shape
            ],
        ),
    ]
    if any(differences):
        raise ModelError(
            f"{origin} do not fit: {'; '.join(filter(None, differences))}; {_remedy(network, state, missing, held)}"
        )
    network.load_state_dict({**expected, **state})


def _remedy(network: nn.Module, state: Mapping[str, Tensor], missing: list[str], held: Mapping[str, Tensor]) -> str:
    last = next(reversed(_layers(network)), {})
    classes = _other_classes(last, state) if last else None
    if classes is not None:
        return (
            f"their last layer gives {classes[0]} numbers and not {classes[1]}: give `num_classes={classes[0]}` if "
            "these are classes, or other weights if they are features"
        )
    if missing and set(missing) == last.keys():
        shapes, used = [value.shape for value in last.values()], {id(value) for value in state.values()}
        alike = [name for name, value in held.items() if id(value) not in used and value.shape in shapes]
        elsewhere = f" ({', '.join(alike[:4])} are of its shape, and may be anything)" if alike else ""
        return (
            f"they have no last layer{elsewhere} and so know no classes: name weights with one, or train one from these"
        )
    return "name weights of this very architecture"


def _of_other_classes(network: nn.Module, state: Mapping[str, Tensor]) -> list[str]:
    """Return the parameters of the last layer, and of others with as many classes, where weights know other classes.

    Such a layer differs in all its parameters, and in nothing but their first dimension, which goes from one number
    of classes to another. Anything before the last layer that differs so would change what the next layer takes in.
    """
    layers = _layers(network)
    if not layers:
        return []
    last = layers[-1]
    if not any(name in state for name in last):
        return list(last)
    classes = _other_classes(last, state)
    if classes is None:
        return []
    return [name for layer in layers if _other_classes(layer, state) == classes for name in layer]


def _layers(network: nn.Module) -> list[dict[str, Tensor]]:
    """Return the parameters by name of each module that has some of its own, in the order of registration."""
    layers = [
        {f"{prefix}.{name}".lstrip("."): value for name, value in module.named_parameters(recurse=False)}
        for prefix, module in network.named_modules()
    ]
    return [layer for layer in layers if layer]


def _other_classes(layer: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> tuple[int, int] | None:
    """Return how many classes weights know and how many a layer does, if that and nothing else differs."""
    if not all(name in state and state[name].dim() == value.dim() > 0 for name, value in layer.items()):
        return None
    if any(state[name].shape[1:] != value.shape[1:] for name, value in layer.items()):
        return None
    numbers = {(len(state[name]), len(value)) for name, value in layer.items()}
    known, asked = numbers.pop()
    return None if numbers or known == asked else (known, asked)


def _counted(kind: str, names: list[str]) -> str:
    if not names:
        return ""
    return f"{len(names)} {kind} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
