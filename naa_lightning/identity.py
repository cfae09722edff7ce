"""What a result depends on: the one list of configuration keys that change none.

Folders of adversarial images, finished runs, folders of a sweep's jobs, labels in its tables and trained weights are
told apart by what is left of a configuration without these keys.
"""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

# Patterns of full keys; a key below a key that matches is left out with it.
_SHOWN = ("task_name", "tags", "trust", "extras", "logger", "callbacks", "report", "preflight", "*data.class_names")
_DESCRIPTIONS = tuple(f"attack.{key}" for key in ("name", "paper", "year", "gradient_evaluations"))
_PLACES = ("paths", "weights_dir", "*.models_dir", "*data.cache", "*data.download", "*data.url")
_HARDWARE = ("trainer", "*data.num_workers", "*data.max_pixels", "attribution.images_per_pass")
_IRRELEVANT = (*_SHOWN, *_DESCRIPTIONS, *_PLACES, *_HARDWARE)
_RELEVANT = ("trainer.precision",)  # although a key above it matches

# What is done with images once they are crafted, how many there are, and weights, which a digest stands for.
_AFTER_CRAFTING = ("targets", "defences", "attribution", "study", "craft", "adversarial_dir")
_IRRELEVANT_TO_IMAGES = (*_AFTER_CRAFTING, "data.limit", "surrogate.weights", "surrogate.members.*.weights")


def results_depend_on(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a configuration that results depend on, down to rounding.

    Args:
        config: Plain, nested values: of a run, or the recipe of a training.

    Example:
        >>> results_depend_on({"seed": 1, "data": {"batch_size": 8, "num_workers": 2}, "logger": {"csv": {}}})
        {'seed': 1, 'data': {'batch_size': 8}}
    """
    return _without(config, _IRRELEVANT, "")


def images_depend_on(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a run's configuration that its adversarial images depend on, besides weights and device.

    Args:
        config: Plain, nested values.

    Example:
        >>> images_depend_on({"seed": 1, "targets": {"vgg16": {}}, "data": {"batch_size": 8, "limit": 10}})
        {'seed': 1, 'data': {'batch_size': 8}}
    """
    return _without(results_depend_on(config), _IRRELEVANT_TO_IMAGES, "")


def changes_results(key: str, config: Mapping[str, Any]) -> bool:
    """Return whether results depend on a key of a configuration, or on which option of a group is chosen.

    Args:
        key: The full key, or the name of the group.
        config: The configuration that it belongs to.

    Example:
        >>> [changes_results(key, {}) for key in ("attack.budget.eps", "logger", "trainer", "trainer.precision")]
        [True, False, False, True]
    """
    node: Any = config
    for part in key.split(".")[:-1]:
        node = node.get(part, {}) if isinstance(node, Mapping) else {}
    return _is_kept(key, node, _IRRELEVANT)


def leaves(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of a nested configuration with their full keys.

    Args:
        node: Plain, nested values.
        key: The key of the node itself.

    Example:
        >>> dict(leaves({"seed": 1, "data": {"batch_size": 8, "limit": None}, "logger": {}}))
        {'seed': 1, 'data.batch_size': 8, 'data.limit': None, 'logger': {}}
    """
    if isinstance(node, Mapping) and node:
        for name, value in node.items():
            yield from leaves(value, f"{key}.{name}" if key else str(name))
    else:
        yield key, node


def _without(node: Mapping[str, Any], patterns: Sequence[str], above: str) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in node.items():
        key = f"{above}{name}"
        if isinstance(value, Mapping) and value:
            below = _without(value, patterns, f"{key}.")
            kept |= {name: below} if below else {}
        elif _is_kept(key, node, patterns):
            kept[name] = value
    return kept


def _is_kept(key: str, node: Mapping[str, Any], patterns: Sequence[str]) -> bool:
    """Return whether no pattern matches a key or one above it; `node` is what holds the key."""
    if key.endswith("data.root") and "cache" in node:  # where a copy of a published data set lies
        return False
    parts = key.split(".")
    keys = [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
    return key in _RELEVANT or not any(fnmatchcase(name, pattern) for name in keys for pattern in patterns)
