"""Attribution statistics over many images."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torchmetrics import Metric

from naa_lightning.attribution import AttributionStatistics


@dataclass
class AttributionSummary:
    """Means over the images that have attribution; see `AttributionStatistics`.

    Args:
        positive_share: Mean share of positive attribution.
        negative_share: 1 - positive_share.
        participation: Mean share of neurons that effectively carry the attribution.
        gini: Mean Gini coefficient of the absolute attributions.
        completeness_gap: Sum over images of |sum A - (F(x) - F(black))| over the sum of |F(x) - F(black)|: a ratio of
            sums, so that images whose output hardly changes cannot dominate it.
        images: Number of images.
    """

    positive_share: float
    negative_share: float
    participation: float
    gini: float
    completeness_gap: float
    images: int


class AttributionMetric(Metric):
    """`AttributionSummary` over batches and processes.

    Example:
        >>> metric = AttributionMetric()
        >>> half = torch.tensor([0.5])
        >>> metric.update(AttributionStatistics(half, half, half, attributed=half, explained=torch.tensor([0.4])))
        >>> round(metric.compute().completeness_gap, 3)
        0.25
    """

    full_state_update = False
    images: Tensor
    positive_share: Tensor
    participation: Tensor
    gini: Tensor
    gap: Tensor
    explained: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("images", "positive_share", "participation", "gini", "gap", "explained"):
            self.add_state(name, default=torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, statistics: AttributionStatistics) -> None:
        """Add a batch."""
        attributed = ~statistics.positive_share.isnan()
        wide = AttributionStatistics(**{name: value[attributed].double() for name, value in vars(statistics).items()})
        self.images += len(wide.explained)
        self.positive_share += wide.positive_share.sum()
        self.participation += wide.participation.sum()
        self.gini += wide.gini.sum()
        self.gap += (wide.attributed - wide.explained).abs().sum()
        self.explained += wide.explained.abs().sum()

    def compute(self) -> AttributionSummary:
        """Return the means; NaN where no image was seen."""
        positive_share = float(self.positive_share / self.images)
        return AttributionSummary(
            positive_share=positive_share,
            negative_share=1 - positive_share,
            participation=float(self.participation / self.images),
            gini=float(self.gini / self.images),
            completeness_gap=float(self.gap / self.explained),
            images=int(self.images),
        )
