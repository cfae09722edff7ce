"""The options of a sweep besides surrogate, attack and seed."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

_ASIDE = {"seed", "tags", "paths", "extras", "logger", "callbacks", "trainer", "task_name", "report"}
_DESCRIPTION = {"attack.name", "attack.paper", "attack.year", "attack.gradient_evaluations"}
_PLACES = {"models_dir", "cache"}
_BY_NAME = ("targets", "defences")
_ABSENT = object()


def settings(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say for each of some runs in which options it differs from others of them, by the shortest names that are clear.

    Args:
        configs: The resolved configurations of the runs.

    Returns:
        One text per run, empty where nothing differs: equal where the runs are equal but for seed, places and display.

    Example:
        >>> settings([{"attack": {"gamma": gamma, "steps": 10}, "seed": 1} for gamma in (0.5, 1)])
        ['gamma=0.5', 'gamma=1']
    """
    flat = [_flat(config) for config in configs]
    keys = list(dict.fromkeys(key for run in flat for key in run))
    varying = [key for key in keys if len({_exact(run.get(key, _ABSENT)) for run in flat}) > 1]
    shown = [key for key in varying if not _follows(key, varying, flat)]
    for chosen, short in ((shown, True), (varying, False)):
        names = {key: _suffix(key, chosen) for key in chosen}
        texts = [
            ", ".join(f"{names[key]}={_text(run[key], short=short)}" for key in chosen if key in run) for run in flat
        ]
        if len(set(texts)) == len({tuple(_exact(run.get(key, _ABSENT)) for key in varying) for run in flat}):
            break
    return texts


def _flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return options by their full keys; what a part builds stands under the part's own key."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        if key in _BY_NAME and isinstance(value, Mapping):
            found[key] = "+".join(value) or None
        if key not in _ASIDE:
            _collect(value, key, found)
    return {key: value for key, value in found.items() if key not in _DESCRIPTION and key.split(".")[-1] not in _PLACES}


def _collect(value: Any, key: str, found: dict[str, Any]) -> None:
    if not isinstance(value, Mapping):
        found[key] = value
        return
    for name, below in value.items():
        if name == "_target_":
            found[key] = below
        else:
            _collect(below, f"{key}.{name}", found)


def _follows(key: str, varying: Sequence[str], flat: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether an option is only there because of a part that is named anyway."""
    values = {_exact(run[key]) for run in flat if key in run}
    part = any(key.startswith(f"{other}.") for other in varying)
    return part and len(values) == 1


def _suffix(key: str, keys: Sequence[str]) -> str:
    parts = key.split(".")
    for length in range(1, len(parts)):
        suffix = ".".join(parts[-length:])
        if sum(f".{other}".endswith(f".{suffix}") for other in keys) == 1:
            return suffix
    return key


def _exact(value: Any) -> str:
    return "" if value is _ABSENT else json.dumps(value, sort_keys=True, default=str)


def _text(value: Any, *, short: bool) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text.rpartition(".")[2] if short and text.startswith("naa_lightning.") else text
