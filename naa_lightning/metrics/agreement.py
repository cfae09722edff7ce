"""How alike attributions are, over many images."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torchmetrics import Metric

from naa_lightning.attribution import Agreement


@dataclass
class AgreementSummary:
    """Means over the images for which a number is defined; NaN where there is none.

    Args:
        cosine: Mean cosine.
        rank_correlation: Mean rank correlation.
    """

    cosine: float
    rank_correlation: float


class AgreementMetric(Metric):
    """`AgreementSummary` over batches and processes.

    Example:
        >>> metric = AgreementMetric()
        >>> metric.update(Agreement(cosine=torch.tensor([0.5, 1.0]), rank_correlation=torch.tensor([0.5, torch.nan])))
        >>> metric.compute()
        AgreementSummary(cosine=0.75, rank_correlation=0.5)
    """

    full_state_update = False
    sums: Tensor
    images: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("sums", "images"):
            self.add_state(name, default=torch.zeros(2, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, found: Agreement) -> None:
        """Add a batch."""
        values = torch.stack([found.cosine, found.rank_correlation]).double()
        self.sums += values.nansum(1)
        self.images += (~values.isnan()).sum(1)

    def compute(self) -> AgreementSummary:
        """Return the means."""
        return AgreementSummary(*(self.sums / self.images).tolist())
