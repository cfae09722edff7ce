"""What an attack did to attributions, over many images."""

from dataclasses import fields

import torch
from torch import Tensor

from naa_lightning.attribution import AttackEffect
from naa_lightning.metrics.named_values import NamedValues


class AttackEffectMetric(NamedValues):
    """Ratios of sums over images, so that images that had hardly any attribution cannot dominate; NaN without any.

    Higher is better for the attacker and for `positive_destroyed`; the other two run the other way.

    Example:
        >>> two, one = torch.tensor([2.0]), torch.tensor([1.0])
        >>> metric = AttackEffectMetric()
        >>> metric.update(AttackEffect(two, one, positive_before=two, positive_after=one, positive_destroyed=one))
        >>> {name: value.item() for name, value in metric.compute().items()}
        {'mass_kept': 0.5, 'positive_kept': 0.5, 'positive_destroyed': 0.5}
    """

    higher_is_better = True
    mass_before: Tensor
    mass_after: Tensor
    positive_before: Tensor
    positive_after: Tensor
    positive_destroyed: Tensor

    def __init__(self) -> None:
        super().__init__()
        for field in fields(AttackEffect):
            self.add_state(field.name, default=torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, found: AttackEffect) -> None:
        """Add a batch."""
        for name, values in vars(found).items():
            setattr(self, name, getattr(self, name) + values.double().sum())

    def compute(self) -> dict[str, Tensor]:
        """Return three scalars.

        Returns:
            `mass_kept`: the attribution mass after the attack over that before, more than 1 where the attack added to
            it. `positive_kept`: likewise, of the positive attribution alone. `positive_destroyed`: the share of the
            positive attribution that its neurons lack after the attack.
        """
        return {
            "mass_kept": self.mass_after / self.mass_before,
            "positive_kept": self.positive_after / self.positive_before,
            "positive_destroyed": self.positive_destroyed / self.positive_before,
        }
