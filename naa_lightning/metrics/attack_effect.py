"""What an attack did to attributions, over many images."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torchmetrics import Metric

from naa_lightning.attribution import AttackEffect


@dataclass
class AttackEffectSummary:
    """Ratios of sums over images, so that images that had hardly any attribution cannot dominate; NaN without any.

    Args:
        mass_kept: Attribution mass after the attack over that before; more than 1 where the attack added to it.
        positive_kept: Likewise, of the positive attribution alone.
        positive_destroyed: Share of the positive attribution that its neurons lack after the attack.
    """

    mass_kept: float
    positive_kept: float
    positive_destroyed: float


class AttackEffectMetric(Metric):
    """`AttackEffectSummary` over batches and processes.

    Example:
        >>> two, one = torch.tensor([2.0]), torch.tensor([1.0])
        >>> metric = AttackEffectMetric()
        >>> metric.update(AttackEffect(two, one, positive_before=two, positive_after=one, positive_destroyed=one))
        >>> metric.compute()
        AttackEffectSummary(mass_kept=0.5, positive_kept=0.5, positive_destroyed=0.5)
    """

    full_state_update = False

    def __init__(self) -> None:
        super().__init__()
        for field in fields(AttackEffect):
            self.add_state(field.name, default=torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, found: AttackEffect) -> None:
        """Add a batch."""
        for name, values in vars(found).items():
            setattr(self, name, getattr(self, name) + values.double().sum())

    def compute(self) -> AttackEffectSummary:
        """Return the ratios."""
        sums: dict[str, Tensor] = {field.name: getattr(self, field.name) for field in fields(AttackEffect)}
        return AttackEffectSummary(
            mass_kept=float(sums["mass_after"] / sums["mass_before"]),
            positive_kept=float(sums["positive_after"] / sums["positive_before"]),
            positive_destroyed=float(sums["positive_destroyed"] / sums["positive_before"]),
        )
