"""The data of a run that is done, as its results name them."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from hydra.conf import HydraConf, OverridesConf, RuntimeConf
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from naa_lightning.config.schema import Node
from naa_lightning.config.trust import find_own_code, trusted_values
from naa_lightning.exceptions import UserError


def recorded_data(config: Mapping[str, Any], words: Sequence[str]) -> Node:
    """Return the node `data` of a run's configuration, in which a few options may be others now.

    Args:
        config: The run's configuration, as its results hold it. What it trusts is trusted only if the words say so.
        words: Options as on the command line: `data.KEY=VALUE`, such as data.root=FOLDER for images that were moved,
            and `trust=[...]`, for data of the user's own code.

    Returns:
        Plain values that name trusted code only.

    Raises:
        UserError: A word is no such option, there is no node `data`, or it is not trusted.

    Example:
        >>> recorded_data({"data": {"root": "images", "limit": 2}}, ["data.root=/mnt/images"])
        {'root': '/mnt/images', 'limit': 2}
    """
    if not isinstance(config.get("data"), Mapping):
        raise UserError("the results do not tell what the clean images were: run again to have them rewritten")
    data, trust = deepcopy(dict(config["data"])), []
    for word in words:
        key, value = _parsed(word)
        *above, name = key.split(".")
        if key == "trust":
            trust = value
        elif len(above) == 0 or above[0] != "data":
            raise UserError(f"{word} is no option of an export: give data.KEY=VALUE or trust=[...]")
        else:
            place = data
            for part in above[1:]:
                place = place.setdefault(part, {})
                if not isinstance(place, dict):
                    raise UserError(f"{word} is no option of an export: {part} is a single value, {place!r}")
            place[name] = value
    runtime = RuntimeConf(config_sources=[])
    find_own_code(trust, HydraConf(overrides=OverridesConf(task=list(words)), runtime=runtime))
    node: Node = trusted_values({"data": data, "trust": trust})["data"]
    return node


def _parsed(word: str) -> tuple[str, Any]:
    try:
        (override,) = OverridesParser.create().parse_overrides([word])
    except HydraException as error:
        raise UserError(f"{word} is no option of an export: give data.KEY=VALUE or trust=[...]") from error
    if override.is_sweep_override() or override.is_delete():
        raise UserError(f"{word} gives no value: give data.KEY=VALUE or trust=[...]")
    return override.key_or_group, override.value()
