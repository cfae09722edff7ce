"""The names and meanings of the rates, and the papers that report them."""

from collections.abc import Mapping
from typing import Any

from naa_lightning.report.conventions import CONVENTIONS, Convention

UNTARGETED = ("clean_accuracy", "fooling_rate", "error_rate", "success_rate")
TARGETED = ("clean_accuracy", "success_rate", "target_rate")

SHORT = {
    "clean_accuracy": "clean acc.",
    "fooling_rate": "fooling",
    "error_rate": "error",
    "success_rate": "success",
    "target_rate": "target hit",
}

_LONG = {"clean_accuracy": "clean accuracy"}

_MEANING = {
    "success_rate": "the answer to the adversarial image is not the label, among "
    "the images that the target classified correctly when clean",
    "error_rate": "the answer to the adversarial image is not the label, over all images; what the target "
    "gets wrong by itself counts too",
    "fooling_rate": "the answer to the adversarial image differs from the answer to the clean one, over all images, "
    "right or wrong",
    "target_rate": "the answer to the adversarial image is the class that the attack aimed at, over all images",
    "clean_accuracy": "the answer to the clean image is the label, over all images",
}


def rate_names(*, targeted: bool) -> tuple[str, ...]:
    """Return the rates of a run's table; the last is its headline."""
    return TARGETED if targeted else UNTARGETED


def meanings(*, targeted: bool) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return the rates of a run's table, the headline first, each with its meaning and the papers that report it."""
    shown = [rate for rate in reversed(rate_names(targeted=targeted)) if rate != "clean_accuracy"]
    return [(_LONG.get(rate, SHORT[rate]), _MEANING[rate], _papers(rate)) for rate in (*shown, "clean_accuracy")]


def own_convention(config: Mapping[str, Any]) -> Convention | None:
    """Return the convention of the paper of a run's attack; None where it is unknown.

    Args:
        config: The run's resolved configuration.
    """
    attack = config.get("attack")
    citation = str(attack.get("paper")) if isinstance(attack, Mapping) else ""
    return next((convention for convention in CONVENTIONS if convention.paper in citation), None)


def _papers(rate: str) -> tuple[str, ...]:
    return tuple(f"{convention.paper} ({convention.year})" for convention in CONVENTIONS if convention.rate == rate)
