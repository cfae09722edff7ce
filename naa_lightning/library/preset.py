"""The attacks and surrogates of the shipped configuration as plain values, read without Hydra.

Hydra composes once in a process, which a notebook may need for a program of its own. Here is as much of its language as
these files use; a test holds the values to those that Hydra composes.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import yaml

from naa_lightning.shipped import CONF

Values: TypeAlias = dict[str, Any]

# In a list of defaults: a file of the same folder, or any file and the keys below which its values belong.
_FILE = re.compile(r"(?P<file>\w+)|(?P<elsewhere>/?\w+(/\w+)*)@(?P<package>\w+(\.\w+)*)")
# There too: a folder of which files are chosen.
_CHOICE = re.compile(r"(?P<override>override )?(?P<folder>\w+)")
_INTERPOLATION = re.compile(r"\$\{([^{}]*)\}")
_REFERENCE = re.compile(r"(?P<up>\.*)(?P<keys>\w+(\.\w+)*)")


class _Loader(yaml.SafeLoader):
    """Reads 5e-4 as a number, which YAML 1.1 takes for text and Hydra does not."""


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"[-+]?\d+[eE][-+]?\d+$"), list("-+0123456789"))


def preset_names(group: str) -> list[str]:
    """Return the names of the files in a folder of the configuration, sorted.

    Example:
        >>> preset_names("attack/budget")
        ['l2', 'linf']
    """
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def preset(group: str, name: str, choices: Mapping[str, str] | None = None) -> Values:
    """Return the values of a file and of the files that it builds on; what must still be given is "???".

    Args:
        group: The folder of the file, "attack" or "surrogate".
        name: The name of the file, without its ending.
        choices: The files to take of a folder, instead of those that the file itself names.

    Raises:
        ValueError: A file uses more of Hydra's language than is read here.

    Example:
        >>> preset("attack", "pim")["update_rule"]["amplification"]
        10.0
        >>> preset("attack", "pim", {"attack/budget": "l2"})["budget"]["eps"]
        5.0
    """
    tree: Values = {}
    _add_file(tree, "paths/default", ["paths"], {})
    _add_file(tree, f"{group}/{name}", [group], choices or {})
    values: Values = _resolved(tree[group], [tree])
    return values


def _add_file(tree: Values, path: str, package: Sequence[str], choices: Mapping[str, Any]) -> None:
    """Merge a file, and the files that its list of defaults names, into the values below the keys of a package."""
    content = yaml.load((CONF / f"{path}.yaml").read_text(encoding="utf-8"), Loader=_Loader)
    defaults = content.pop("defaults", ["_self_"])
    folder = path.rpartition("/")[0]
    own: Values = {}
    for item in defaults:
        for key, chosen in item.items() if isinstance(item, dict) else ():
            if (choice := _CHOICE.fullmatch(key)) is None:
                raise _unread(path, key)
            if choice["override"]:
                own[f"{folder}/{choice['folder']}"] = chosen
    choices = {**own, **choices}  # a file that builds on this one has the last word
    for item in defaults:
        if item == "_self_":
            _merge(tree, package, content)
        elif isinstance(item, str):
            _add_named(tree, path, item, package, choices)
        else:
            for key, chosen in item.items():
                if not key.startswith("override "):
                    names = choices.get(f"{folder}/{key}", chosen) or []
                    for name in [names] if isinstance(names, str) else names:
                        _add_file(tree, f"{folder}/{key}/{name}", [*package, key], choices)
    if "_self_" not in defaults:
        raise _unread(path, "no _self_")


def _add_named(tree: Values, path: str, item: str, package: Sequence[str], choices: Mapping[str, Any]) -> None:
    """Merge the file that an item of the defaults in `path` names."""
    if (found := _FILE.fullmatch(item)) is None:
        raise _unread(path, item)
    file = found["file"] or found["elsewhere"]
    below = found["package"] if found["package"] not in {None, "_here_"} else ""
    full = file[1:] if file.startswith("/") else f"{path.rpartition('/')[0]}/{file}"
    _add_file(tree, full, [*package, *filter(None, below.split("."))], choices)


def _merge(tree: Values, package: Sequence[str], content: Mapping[str, Any]) -> None:
    for key in package:
        tree = tree.setdefault(key, {})
    for key, value in content.items():
        if isinstance(value, dict):
            _merge(tree, [key], value)
        else:
            tree[key] = value


def _resolved(value: Any, above: Sequence[Values]) -> Any:
    """Return a value with its interpolations replaced, `above` being the mappings that hold it, the outermost first."""
    if isinstance(value, dict):
        return {key: _resolved(inner, [*above, value]) for key, inner in value.items()}
    if not isinstance(value, str):
        return value
    if whole := _INTERPOLATION.fullmatch(value):
        return _looked_up(whole[1], above)
    return _INTERPOLATION.sub(lambda part: str(_looked_up(part[1], above)), value)


def _looked_up(reference: str, above: Sequence[Values]) -> Any:
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        raise _unread("an interpolation", reference)
    up = len(found["up"])
    nodes = [*above[: len(above) - up + 1 if up else 1]]
    *keys, last = found["keys"].split(".")
    for key in keys:
        nodes.append(nodes[-1][key])
    return _resolved(nodes[-1][last], nodes)


def _unread(where: str, what: str) -> ValueError:
    return ValueError(f"{where} of the shipped configuration holds {what!r}, which is not read without Hydra")
