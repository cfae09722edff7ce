"""The time of a run by phase, as its reports show it."""

from naa_lightning.records.results import Cost, PhaseResult
from naa_lightning.report.definitions import DEFINITIONS


def phase_times(cost: Cost) -> dict[str, PhaseResult]:
    """Return the time of each phase, in the order of a run, the targets' together; phases without time are left out.

    Args:
        cost: What the run took.
    """
    found: dict[str, PhaseResult] = {}
    for name, taken in cost.phases.items():
        stage, *_, part = name.split("/") if "/" in name else (name, "")
        key = f"{stage}/{part}".rstrip("/")
        before = found.get(key, PhaseResult(seconds=0, share=0))
        found[key] = PhaseResult(seconds=before.seconds + taken.seconds, share=before.share + taken.share)
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
    shares: dict[str, float] = {}
    for name, taken in cost.phases.items():
        stage = name.partition("/")[0]
        called = DEFINITIONS.get(("phase", stage), {"name": stage})["name"]
        shares[called] = shares.get(called, 0) + taken.share
    return sorted(shares.items(), key=lambda item: -item[1])
