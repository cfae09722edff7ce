"""What the rates are called and mean, and who reports them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from naa_lightning.report.conventions import Convention, conventions

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


@dataclass(frozen=True)
class Meaning:
    """What a rate means.

    Args:
        rate: Its short name.
        text: What is counted, and among what.
        papers: Who reports it, as "name (year)".
    """

    rate: str
    text: str
    papers: tuple[str, ...]


def rate_names(*, targeted: bool) -> tuple[str, ...]:
    """Return the rates of a run's table; the last is its headline."""
    return TARGETED if targeted else UNTARGETED


def meanings(*, targeted: bool) -> list[Meaning]:
    """Say what each rate of a run's table means, the headline first."""
    known = conventions()
    shown = [rate for rate in reversed(rate_names(targeted=targeted)) if rate != "clean_accuracy"]
    return [
        Meaning(_LONG.get(rate, SHORT[rate]), _MEANING[rate], _papers(rate, known))
        for rate in (*shown, "clean_accuracy")
    ]


def own_convention(config: Mapping[str, Any]) -> Convention | None:
    """Return what the paper of a run's attack reports, if that is known.

    Args:
        config: The run's configuration.
    """
    attack = config.get("attack")
    citation = str(attack.get("paper")) if isinstance(attack, Mapping) else ""
    return next((convention for convention in conventions() if convention.paper in citation), None)


def _papers(rate: str, known: Sequence[Convention]) -> tuple[str, ...]:
    return tuple(f"{convention.paper} ({convention.year})" for convention in known if convention.rate == rate)
