"""The rates that a page shows, and those that papers report."""

from collections.abc import Mapping
from typing import Any

from naa_lightning.report.definitions import CONVENTIONS, DEFINITIONS

SHORT = {key: definition["name"] for (kind, key), definition in DEFINITIONS.items() if kind == "rate"}
"""The names of the rates."""


def rate_names(*, targeted: bool) -> tuple[str, ...]:
    """Return the rates of a run's table, its headline first."""
    left_out = {"fooling_rate", "error_rate"} if targeted else {"target_rate"}
    return tuple(rate for rate in SHORT if rate not in left_out)


def own_convention(config: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the convention of the paper of the attack in a run's configuration; None where it is unknown."""
    attack = config.get("attack")
    citation = str(attack.get("paper")) if isinstance(attack, Mapping) else ""
    return next((convention for convention in CONVENTIONS if convention["paper"] in citation), None)
