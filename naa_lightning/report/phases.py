"""The time of a run by phase, as its reports show it."""

from collections.abc import Callable

from naa_lightning.records.results import Cost, PhaseResult
from naa_lightning.report.definitions import DEFINITIONS


def phase_times(cost: Cost) -> dict[str, PhaseResult]:
    """Return the time of each phase, in the order of a run, the targets' together; phases without time are left out.

    Args:
        cost: What the run took.
    """
    found = _summed(cost, _kind)
    return {key: found[key] for kind, key in DEFINITIONS if kind == "phase" and key in found and found[key].seconds > 0}


def stage_shares(cost: Cost) -> list[tuple[str, float]]:
    """Return the share of each stage of a run in its time, the largest first.

    Args:
        cost: What the run took.

    Example:
        >>> phase = PhaseResult(seconds=1.0, share=0.25)
        >>> stage_shares(Cost(phases={"start_up": phase, "crafting/steps": phase, "crafting/files": phase}))
        [('crafting', 0.5), ('start-up', 0.25)]
    """
    stages = _summed(cost, lambda name: name.partition("/")[0])
    names = {key: DEFINITIONS["phase", key]["name"] if ("phase", key) in DEFINITIONS else key for key in stages}
    return sorted(((names[key], stage.share) for key, stage in stages.items()), key=lambda stage: -stage[1])


def _kind(name: str) -> str:
    """Return a phase's name without the target that it is about."""
    stage, _, part = name.partition("/")
    return f"{stage}/{part.rpartition('/')[2]}" if part else stage


def _summed(cost: Cost, key: Callable[[str], str]) -> dict[str, PhaseResult]:
    found: dict[str, PhaseResult] = {}
    for name, taken in cost.phases.items():
        before = found.get(key(name), PhaseResult(seconds=0, share=0))
        found[key(name)] = PhaseResult(seconds=before.seconds + taken.seconds, share=before.share + taken.share)
    return found
