"""Attribution statistics over many images."""

import torch
from torch import Tensor

from naa_lightning.attribution import AttributionStatistics
from naa_lightning.metrics.named_values import NamedValues


class AttributionMetric(NamedValues):
    """Means of `AttributionStatistics` over the images that have attribution; NaN without any.

    Higher is not better: `completeness_gap` is best at 0, and the other numbers describe without judging.

    Example:
        >>> metric = AttributionMetric()
        >>> half = torch.tensor([0.5])
        >>> metric.update(AttributionStatistics(half, half, half, attributed=half, explained=torch.tensor([0.4])))
        >>> round(metric.compute()["completeness_gap"].item(), 3)
        0.25
    """

    higher_is_better = False
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

    def compute(self) -> dict[str, Tensor]:
        """Return the means, scalars.

        Returns:
            `positive_share`, `negative_share` (1 - positive_share), `participation` and `gini`: means over images.
            `completeness_gap`: the sum over images of |sum A - (F(x) - F(black))| over the sum of |F(x) - F(black)|, a
            ratio of sums, so that images whose output hardly changes cannot dominate it. `images`: their number, an
            integer.
        """
        positive_share = self.positive_share / self.images
        return {
            "positive_share": positive_share,
            "negative_share": 1 - positive_share,
            "participation": self.participation / self.images,
            "gini": self.gini / self.images,
            "completeness_gap": self.gap / self.explained,
            "images": self.images.long(),
        }
