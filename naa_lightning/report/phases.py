"""What the time of a run went to, in the words of its reports."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_SAYS = {
    "start_up": ("start-up", "loading libraries, composing the configuration, finding other processes"),
    "data": ("data", "listing images, downloaded if need be"),
    "training": ("training", "of networks that were missing"),
    "crafting/stock": ("crafting: taking stock", "of the images that the folder holds"),
    "crafting/build": ("crafting: surrogate", "building it"),
    "crafting/images": ("crafting: images", "waiting until they are read"),
    "crafting/arranging": ("crafting: arranging", "the surrogate for speed"),
    "crafting/preparation": ("crafting: preparation", "of the objective, such as the weights of a layer's neurons"),
    "crafting/steps": ("crafting: steps", "of the attack"),
    "crafting/attribution": ("crafting: attribution", "its statistics"),
    "crafting/files": ("crafting: files", "waiting until they are written"),
    "crafting/other": ("crafting: other", "the trainer's own work, waiting for other processes"),
    "collecting": ("collecting", "finding the adversarial images"),
    "reading": ("reading", "clean and adversarial images, to be shown to all targets"),
    "measuring": ("measuring", "the perturbations"),
    "targets/build": ("targets: building", "all of them, one by one"),
    "targets/ask": ("targets: asking", "about clean and adversarial images"),
    "explaining": ("explaining", "exact attribution"),
    "pictures": ("pictures", "panels, attention and attribution"),
    "other": ("other", "opening the log, adding up, writing files"),
}


@dataclass(frozen=True)
class PhaseTime:
    """What a phase took.

    Args:
        name: What it is called.
        says: What is done in it.
        seconds: How long.
        share: Of the whole, in [0, 1].
    """

    name: str
    says: str
    seconds: float
    share: float


def phase_times(cost: Mapping[str, Any]) -> list[PhaseTime]:
    """Return what each phase took, in the order of a run, the targets' together; phases without time are left out.

    Args:
        cost: That of `results.json`; empty of an older version's.
    """
    found = _summed(cost, _kind)
    return [
        PhaseTime(name, says, found[key]["seconds"], found[key]["share"])
        for key, (name, says) in _SAYS.items()
        if key in found and found[key]["seconds"] > 0
    ]


def stage_shares(cost: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Return the share of each stage of a run in its time, the largest first.

    Args:
        cost: As of `phase_times`.

    Example:
        >>> phase = {"seconds": 1.0, "share": 0.25}
        >>> stage_shares({"phases": {"start_up": phase, "crafting/steps": phase, "crafting/files": phase}})
        [('crafting', 0.5), ('start-up', 0.25)]
    """
    found = _summed(cost, lambda name: name.partition("/")[0])
    shares = [(_SAYS[key][0] if key in _SAYS else key, stage["share"]) for key, stage in found.items()]
    return sorted(shares, key=lambda stage: -stage[1])


def _kind(name: str) -> str:
    """Return a phase's name, of a target's without the target."""
    stage, _, part = name.partition("/")
    return f"{stage}/{part.rpartition('/')[2]}" if part else stage


def _summed(cost: Mapping[str, Any], key: Callable[[str], str]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for name, taken in (cost.get("phases") or {}).items():
        total = found.setdefault(key(name), {"seconds": 0.0, "share": 0.0})
        for value in total:
            total[value] += taken[value]
    return found
