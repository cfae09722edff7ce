"""The options of a sweep besides surrogate, attack and seed."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from naa_lightning.identity import results_depend_on

_BY_NAME = ("targets", "defences")


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
    flat = [dict(_flat(results_depend_on(config))) for config in configs]
    values = {key: {options.get(key) for options in flat} for options in flat for key in options}
    varying = [key for key in values if len(values[key]) > 1]

    def follows(key: str) -> bool:
        """Tell whether an option is only there because of a part that is named anyway."""
        return any(key.startswith(f"{part}.") for part in varying) and len(values[key] - {None}) == 1

    texts = _texts(flat, [key for key in varying if not follows(key)], short=True)
    different = {tuple(options.get(key) for key in varying) for options in flat}
    return texts if len(set(texts)) == len(different) else _texts(flat, varying, short=False)


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield options as JSON by their full keys; what a part builds stands under the part's own key."""
    if not isinstance(value, Mapping):
        yield key, json.dumps(value, sort_keys=True, default=str)
        return
    if key in _BY_NAME:
        yield key, json.dumps("+".join(value) or None)
    for name, below in value.items():
        if (key, name) != ("", "seed"):
            yield from _flat(below, key if name == "_target_" else f"{key}.{name}".lstrip("."))


def _texts(flat: Sequence[Mapping[str, str]], keys: Sequence[str], *, short: bool) -> list[str]:
    names = {key: _suffix(key, keys) for key in keys}
    return [
        ", ".join(f"{names[key]}={_shown(options[key], short=short)}" for key in keys if key in options)
        for options in flat
    ]


def _suffix(key: str, keys: Sequence[str]) -> str:
    """Return the last parts of a key, as many as tell it from the others."""
    parts = key.split(".")
    suffixes = (".".join(parts[-length:]) for length in range(1, len(parts)))
    return next((end for end in suffixes if sum(f".{other}".endswith(f".{end}") for other in keys) == 1), key)


def _shown(value: str, *, short: bool) -> str:
    text = str(json.loads(value)) if value.startswith('"') else value
    return text.rpartition(".")[2] if short and text.startswith("naa_lightning.") else text
