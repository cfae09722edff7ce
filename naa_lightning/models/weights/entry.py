"""Finding the weights in a checkpoint, which tools keep under names of their own."""

from collections.abc import Iterable
from typing import Any

from torch import Tensor

from naa_lightning.exceptions import ModelError
from naa_lightning.models.weights.safe_loading import StandIn
from naa_lightning.told_once import tell

_USUAL = (
    "state_dict",
    "model",
    "model_state_dict",
    "model_state",
    "module",
    "state_dict_ema",
    "model_ema",
    "teacher",
    "ema",
    "ema_state_dict",
    "network",
    "net",
    "weights",
    "params",
)
"""The entries under which weights are looked for, in this order; of any other ones the largest after them."""


def state_in(content: Any, file: str, key: str | None = None) -> tuple[dict[str, Tensor], str]:
    """Return the weights in what a file holds: itself, or an entry, also one of an entry.

    What is no tensor beside them is left out. What is chosen and left out is logged.

    Args:
        content: What the file holds.
        file: The name of the file, for messages.
        key: The entry that holds them, such as "state_dict_ema" or "model.state_dict", or a prefix of names in the file
            or in an entry, such as "teacher" or "state_dict.teacher"; None for the usual entry.

    Returns:
        The weights by name, and what they are called in messages, which says where else there are some.

    Raises:
        ModelError: There are none, or not under this key.

    Example:
        >>> import torch
        >>> weights = {"fc.weight": torch.zeros(2, 3)}
        >>> state_in({"epoch": 3, "model": {"state_dict": weights}}, "a.pt")[1]
        'the weights in a.pt'
    """
    states = _states(content)
    if not states:
        raise ModelError(f"the weights file {file} {_instead(content)}")
    most = max(map(len, map(_tensors, states.values())))
    chosen = {
        name: state
        for name, state in states.items()
        # such as a single tensor among the options of a training is no candidate
        if (_is_usual(name) or 2 * len(_tensors(state)) > most if key is None else f"{name}.".startswith(f"{key}."))
    }
    if key is not None and not chosen:
        parts = {name: _under(state, key.removeprefix(f"{name}.")) for name, state in states.items()}
        chosen = {name: part for name, part in parts.items() if part}
    if not chosen:
        none = f"has no weights under `weights_key={key}`: it has {_listed(states)}"
        if [*states] == [""]:
            none = f"is all weights and has no entry or prefix `weights_key={key}`: leave the key out"
        raise ModelError(f"the weights file {file} {none}")
    taken, *others = sorted(chosen, key=lambda name: (_rank(name), -len(_tensors(chosen[name]))))
    origin = f"the weights in {file}"
    if others:
        tell(
            f"{file}: {f'its entry {taken} is' if taken else 'what is in no entry is'} taken, and not {_listed(others)}"
        )
        origin += f" under {taken or 'no entry'} (`weights_key` may name {_listed(others)})"
    state = _tensors(chosen[taken])
    if beside := [str(name) for name in dict.keys(chosen[taken]) if name not in state]:
        tell(f"{file}: left out are {_listed(beside)}, which are no tensors")
    return state, origin


def _states(content: Any, name: str = "", deep: int = 2) -> dict[str, dict[Any, Any]]:
    """Return what holds weights, by its key: the entries, and their entries, that are mappings with tensors.

    A mapping that holds no more tensors than one in it is a checkpoint, with such as its best accuracy in a tensor.
    """
    if not isinstance(content, dict):
        return {}
    found: dict[str, dict[Any, Any]] = {}
    for key, value in dict.items(content) if deep else ():
        if isinstance(key, str):
            found |= _states(value, f"{name}.{key}" if name else key, deep - 1)
    if len(_tensors(content)) > max((len(_tensors(state)) for state in found.values()), default=0):
        found[name] = content
    return found


def _tensors(state: dict[Any, Any]) -> dict[str, Tensor]:
    return {name: value for name, value in dict.items(state) if isinstance(name, str) and isinstance(value, Tensor)}


def _under(state: dict[Any, Any], prefix: str) -> dict[str, Tensor]:
    """Return the weights under a prefix, without it."""
    start = f"{prefix}."
    return {name.removeprefix(start): value for name, value in _tensors(state).items() if name.startswith(start)}


def _is_usual(name: str) -> bool:
    return name.partition(".")[0] in _USUAL


def _rank(name: str) -> list[int]:
    """Return the places of an entry and of one in it among the usual ones, up to an unusual one."""
    ranks = []
    for part in name.split(".") if name else ():
        ranks.append(_USUAL.index(part) if part in _USUAL else len(_USUAL))
        if part not in _USUAL:
            break
    return ranks


def _instead(content: Any) -> str:
    """Say what a file holds that holds no weights, and what to do."""
    entries = {"": content}
    if isinstance(content, dict):
        entries = {name: value for name, value in dict.items(content) if name in _USUAL or "." in str(name)}
    objects = [f"{name} {value.name}".strip() for name, value in entries.items() if isinstance(value, StandIn)]
    if objects:
        return (
            f"holds whole objects instead of weights ({_listed(objects)}), which can only be read by running code: "
            "load it where it was written, and save the network's `state_dict()` by torch.save"
        )
    return "holds no state dict: save the network's `state_dict()`"


def _listed(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:5]) + (", ..." if len(listed) > 5 else "")
