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
"""The entries under which weights are looked for, in this order; any other one after them, the largest first."""
# What a network keeps besides tensors by `get_extra_state`.
EXTRA = "_extra_state"


def state_in(content: Any, file: str, key: str | None = None) -> dict[str, Tensor]:
    """Return the weights in what a file holds: itself, or an entry, also one of an entry.

    What is no tensor beside them is left out, which is logged, as it is which entries are not taken.

    Args:
        content: What the file holds.
        file: The name of the file, for messages.
        key: The entry that holds them, such as "state_dict_ema" or "model.state_dict", or a prefix of their names in
            one, such as "student" or "state_dict.student"; None for the usual one.

    Returns:
        The weights, by name.

    Raises:
        ModelError: There are none, or not under this key.

    Example:
        >>> import torch
        >>> weights = {"fc.weight": torch.zeros(2, 3)}
        >>> list(state_in({"epoch": 3, "model": {"state_dict": weights}}, "a.pt"))
        ['fc.weight']
    """
    states = _states(content)
    if not states:
        raise ModelError(f"the weights file {file} {_instead(content)}")
    chosen = [name for name in states if key is None or name == key or name.startswith(f"{key}.")]
    taken, *others = sorted(chosen or states, key=lambda name: (_rank(name), -len(states[name])))
    state = states[taken]
    if chosen and others:
        tell(f"{file}: its entry {taken} is taken, and not {_listed(others)}")
    if not chosen:
        state = next(filter(None, (_under(f"{key}.", name, states[name]) for name in [taken, *others])), {})
    if not state:
        it_has = f"it has {_listed(states)}" if "" not in states else "it is all weights, so leave the key out"
        raise ModelError(f"the weights file {file} has no weights under `weights_key={key}`: {it_has}")
    left_out = [name for name, value in state.items() if not isinstance(value, Tensor) or name.endswith(EXTRA)]
    if left_out:
        tell(f"{file}: left out are {_listed(left_out)}, which are no weights")
    return {name: value for name, value in state.items() if name not in left_out}


def _states(content: Any, deep: int = 2) -> dict[str, dict[str, Any]]:
    """Return what holds weights by its key: the entries of a checkpoint, and theirs; or else, without key, all of it.

    Weights are tensors by name, with what else some tools put among them.
    """
    if not isinstance(content, dict) or deep < 0:
        return {}
    content = {name: value for name, value in dict.items(content) if isinstance(name, str)}
    found = {
        f"{name}.{inner}".rstrip("."): state
        for name, value in content.items()
        if not name.endswith(EXTRA)
        for inner, state in _states(value, deep - 1).items()
    }
    has_tensors = any(isinstance(value, Tensor) for value in content.values())
    return {"": content} if has_tensors and not found and not _objects(content) else found


def _under(prefix: str, entry: str, state: dict[str, Any]) -> dict[str, Any]:
    """Return the weights whose names begin so, after the name of their entry or without it."""
    begin = prefix.removeprefix(f"{entry}.")
    return {name: value for name, value in state.items() if name.startswith(begin)}


def _rank(name: str) -> list[int]:
    return [_USUAL.index(part) if part in _USUAL else len(_USUAL) for part in name.split(".")]


def _objects(content: Any) -> list[str]:
    """Return the whole objects that stand where weights are looked for, with the names of their classes."""
    entries = {name: dict.get(content, name) for name in _USUAL} if isinstance(content, dict) else {"": content}
    return [f"{name} {value.name}".strip() for name, value in entries.items() if isinstance(value, StandIn)]


def _instead(content: Any) -> str:
    """Say what a file holds that holds no weights, and what to do."""
    objects = _objects(content)
    if objects:
        return (
            f"holds whole objects instead of weights ({_listed(objects)}), which can only be read by running code: "
            "load it where it was written, and save the network's `state_dict()` by torch.save"
        )
    return "holds no state dict: save the network's `state_dict()`"


def _listed(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:5]) + (", ..." if len(listed) > 5 else "")
