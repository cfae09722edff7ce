"""How often adversarial images fool a target, over many batches."""

import torch
from torch import Tensor
from torchmetrics.utilities import dim_zero_cat

from naa_lightning.metrics.named_values import NamedValues
from naa_lightning.metrics.transfer import transfer_rates


class TransferMetric(NamedValues):
    """`transfer_rates` with their intervals; an image seen twice is counted once.

    Higher is better for the attacker, but `clean_accuracy` is the target's.

    Example:
        >>> metric = TransferMetric()
        >>> for _ in range(2):
        ...     metric.update(
        ...         ids=torch.tensor([0, 1]),
        ...         clean=torch.tensor([3, 4]),
        ...         adversarial=torch.tensor([3, 5]),
        ...         labels=torch.tensor([3, 4]),
        ...     )
        >>> found = metric.compute()
        >>> found["success_rate"].item(), round(found["success_rate_low"].item(), 3)
        (0.5, 0.095)
    """

    higher_is_better = True
    seen: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("seen", default=[], dist_reduce_fx="cat")

    def update(
        self, ids: Tensor, clean: Tensor, adversarial: Tensor, labels: Tensor, target_classes: Tensor | None = None
    ) -> None:
        """Add images by id (B,); the rest is as in `transfer_rates`."""
        target_classes = torch.full_like(labels, -1) if target_classes is None else target_classes
        self.seen.append(torch.stack([ids, clean, adversarial, labels, target_classes], dim=1))

    def compute(self) -> dict[str, Tensor]:
        """Return scalars in [0, 1], NaN where no image counts: every rate by its name in `TransferRates`.

        The bounds of its 95 % Wilson interval are under the same name with `_low` and `_high` behind it.
        """
        rows = dim_zero_cat(self.seen) if len(self.seen) else torch.empty(0, 5, dtype=torch.long, device=self.device)
        ids, clean, adversarial, labels, target_classes = rows.T
        rates = transfer_rates(clean, adversarial, labels, target_classes, ids=ids)
        found: dict[str, float] = {}
        for name, rate in vars(rates).items():
            low, high = rate.interval
            found |= {name: rate.value, f"{name}_low": low, f"{name}_high": high}
        return {name: torch.tensor(value, device=self.device) for name, value in found.items()}
