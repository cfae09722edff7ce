"""A run's targets in the groups in which its page shows them: white-box and black-box, undefended and defended."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from naa_lightning.records.results import MeanResult, Role, RunResults, TargetResult


@dataclass(frozen=True)
class Group:
    """Targets that belong together.

    Args:
        title: The heading of the group.
        kind: The kind of target, one of `chart.KINDS`.
        targets: The targets by name.
        means: The mean of each rate over them, by the rate's name; None where there is none to show.
    """

    title: str
    kind: str
    targets: Mapping[str, TargetResult]
    means: MeanResult | None

    def starts_defence(self, name: str) -> bool:
        """Tell whether the target before this one has other defences, and several targets share them."""
        if len({target.defences for target in self.targets.values()}) == len(self.targets):
            return False
        names = list(self.targets)
        place = names.index(name)
        return place > 0 and self.targets[names[place - 1]].defences != self.targets[name].defences


def groups(record: RunResults) -> list[Group]:
    """Sort a run's targets into groups, within them by defence; empty groups are left out."""
    order = list(dict.fromkeys(target.defences for target in record.targets.values()))

    def members(role: Role, *, defended: bool) -> dict[str, TargetResult]:
        selected = record.select(role, defended=defended)
        return dict(sorted(selected.items(), key=lambda named: order.index(named[1].defences)))

    found = [
        Group("White-box", "white-box", members("white-box", defended=False), None),
        Group("White-box, behind a defence", "white-box", members("white-box", defended=True), None),
        Group("Black-box", "black-box", members("black-box", defended=False), record.black_box_mean),
        Group("Black-box, behind a defence", "defended", members("black-box", defended=True), record.defended_mean),
    ]
    return [group for group in found if group.targets]


def white_box_mean(record: RunResults) -> float | None:
    """Return the mean headline rate of the attacked models, without a defence."""
    values = record.headline_rates("white-box", defended=False)
    return fmean(values) if values else None
