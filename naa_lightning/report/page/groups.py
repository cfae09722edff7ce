"""A run's targets in the order in which pages show them: attacked, not attacked, behind a defence."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from naa_lightning.report.page.record import Record, Target


@dataclass(frozen=True)
class Group:
    """Targets that belong together.

    Args:
        title: What they have in common.
        kind: One of `chart.KINDS`.
        targets: By name.
        means: Of each rate over them; None where a mean would say nothing.
    """

    title: str
    kind: str
    targets: Mapping[str, Target]
    means: Mapping[str, float | None] | None

    def starts_defence(self, name: str) -> bool:
        """Tell whether the target before this one stands behind another defence, and several share one."""
        if len({target.defences for target in self.targets.values()}) == len(self.targets):
            return False
        names = list(self.targets)
        place = names.index(name)
        return place > 0 and self.targets[names[place - 1]].defences != self.targets[name].defences


def groups(record: Record) -> list[Group]:
    """Sort a run's targets into groups, within them by defence; a group without any is left out."""
    behind = [(name, target) for name, target in record.targets.items() if target.defences]
    order = list(dict.fromkeys(target.defences for _, target in behind))
    defended = dict(sorted(behind, key=lambda named: order.index(named[1].defences)))
    own = {name: target for name, target in defended.items() if target.role == "white-box"}
    others = {name: target for name, target in defended.items() if target.role == "black-box"}
    found = [
        Group("White-box", "white-box", record.undefended(white_box=True), None),
        Group("White-box, behind a defence", "white-box", own, None),
        Group("Black-box", "black-box", record.undefended(white_box=False), record.black_box_mean),
        Group("Black-box, behind a defence", "defended", others, record.defended_mean),
    ]
    return [group for group in found if group.targets]


def white_box_mean(record: Record) -> float | None:
    """Return the mean headline rate of the attacked models, without a defence."""
    attacked = record.undefended(white_box=True).values()
    values = [value for target in attacked if (value := target.rate(record.headline).value) is not None]
    return fmean(values) if values else None
