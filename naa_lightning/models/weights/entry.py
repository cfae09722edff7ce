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
"""The entries under which weights are looked for, in this order; any other one after them, in the file's order."""


def state_in(content: Any, file: str, key: str | None = None) -> dict[str, Tensor]:
    """Return the weights in what a file holds: itself, or an entry, also one of an entry.

    Args:
        content: What the file holds.
        file: The name of the file, for messages.
        key: The entry that holds them, such as "state_dict_ema" or "model.state_dict"; None for the usual one.

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
    if _is_state(content) and key is None:
        return dict(dict.items(content))
    states = {} if _is_state(content) else _states(content)
    if not states:
        raise ModelError(f"the weights file {file} {_instead(content, key)}")
    chosen = [name for name in states if key is None or name == key or name.startswith(f"{key}.")]
    if not chosen:
        raise ModelError(f"the weights file {file} has no weights under `weights_key={key}`: it has {_listed(states)}")
    taken, *others = sorted(chosen, key=_rank)
    if others:
        tell(f"{file}: its entry {taken} is taken, and not {_listed(others)}")
    return dict(dict.items(states[taken]))


def _is_state(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and len(value) > 0
        and all(isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in dict.items(value))
    )


def _states(content: Any, deep: bool = True) -> dict[str, dict[str, Tensor]]:
    """Return the weights in the entries of a checkpoint, and of its entries, by their keys."""
    found = {}
    for name, value in dict.items(content) if isinstance(content, dict) else ():
        if isinstance(name, str) and _is_state(value):
            found[name] = value
        elif isinstance(name, str) and deep:
            found |= {f"{name}.{inner}": state for inner, state in _states(value, deep=False).items()}
    return found


def _rank(name: str) -> list[int]:
    return [_USUAL.index(part) if part in _USUAL else len(_USUAL) for part in name.split(".")]


def _instead(content: Any, key: str | None) -> str:
    """Say what a file holds that holds no weights in entries, and what to do."""
    if _is_state(content):
        return f"is all weights and has no entry `weights_key={key}`: leave the key out"
    entries = {name: dict.get(content, name) for name in _USUAL} if isinstance(content, dict) else {"": content}
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
