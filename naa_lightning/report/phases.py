"""The time of a run by phase, as its reports show it."""

from collections.abc import Callable
from dataclasses import dataclass

from naa_lightning.records.results import Cost

_PHASES = {
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
    "pictures": ("pictures", "images, attention and attribution"),
    "other": ("other", "opening the log, adding up, writing files"),
}


@dataclass(frozen=True)
class PhaseTime:
    """The time of a phase.

    Args:
        name: The name of the phase.
        meaning: The work that is done in it.
        seconds: Its time in seconds.
        share: Its share in the time of the run, in [0, 1].
    """

    name: str
    meaning: str
    seconds: float
    share: float


def phase_times(cost: Cost) -> list[PhaseTime]:
    """Return the time of each phase, in the order of a run, the targets' together; phases without time are left out.

    Args:
        cost: What the run took.
    """
    found = _summed(cost, _kind)
    return [
        PhaseTime(name, meaning, found[key]["seconds"], found[key]["share"])
        for key, (name, meaning) in _PHASES.items()
        if key in found and found[key]["seconds"] > 0
    ]


def stage_shares(cost: Cost) -> list[tuple[str, float]]:
    """Return the share of each stage of a run in its time, the largest first.

    Args:
        cost: What the run took.

    Example:
        >>> phase = PhaseResult(seconds=1.0, share=0.25)
        >>> stage_shares(Cost(phases={"start_up": phase, "crafting/steps": phase, "crafting/files": phase}))
        [('crafting', 0.5), ('start-up', 0.25)]
    """
    found = _summed(cost, lambda name: name.partition("/")[0])
    shares = [(_PHASES[key][0] if key in _PHASES else key, stage["share"]) for key, stage in found.items()]
    return sorted(shares, key=lambda stage: -stage[1])


def _kind(name: str) -> str:
    """Return a phase's name without the target that it is about."""
    stage, _, part = name.partition("/")
    return f"{stage}/{part.rpartition('/')[2]}" if part else stage


def _summed(cost: Cost, key: Callable[[str], str]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for name, taken in cost.phases.items():
        total = found.setdefault(key(name), {"seconds": 0.0, "share": 0.0})
        total["seconds"] += taken.seconds
        total["share"] += taken.share
    return found
