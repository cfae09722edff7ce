"""How alike attributions are, over many images."""

import torch
from torch import Tensor

from naa_lightning.attribution import Agreement
from naa_lightning.metrics.named_values import NamedValues


class AgreementMetric(NamedValues):
    """Means of `Agreement` over the images for which a number is defined; NaN where there is none.

    Example:
        >>> metric = AgreementMetric()
        >>> metric.update(Agreement(cosine=torch.tensor([0.5, 1.0]), rank_correlation=torch.tensor([0.5, torch.nan])))
        >>> {name: value.item() for name, value in metric.compute().items()}
        {'cosine': 0.75, 'rank_correlation': 0.5}
    """

    higher_is_better = True
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

    def compute(self) -> dict[str, Tensor]:
        """Return the means `cosine` and `rank_correlation`, scalars."""
        return dict(zip(("cosine", "rank_correlation"), self.sums / self.images, strict=True))
