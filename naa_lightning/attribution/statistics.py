"""What an image's neuron attributions look like."""

from dataclasses import dataclass

import torch
from torch import Tensor

from naa_lightning.models import Classifier


@dataclass(frozen=True)
class AttributionStatistics:
    """Statistics of neuron attributions A over one layer, each (B,); both shares are NaN where A is zero throughout.

    Args:
        positive_share: Sum of the positive attributions over the sum of all absolute ones.
        participation: (sum |A|)^2 / (n sum A^2), the share of neurons that effectively carry the attribution: 1 when
            all carry the same, 1 / n when one carries all.
        attributed: sum A.
        explained: F(x) - F(black), what a complete attribution sums to.
    """

    positive_share: Tensor
    participation: Tensor
    attributed: Tensor
    explained: Tensor


@torch.no_grad()
def attribution_statistics(
    surrogate: Classifier, images: Tensor, labels: Tensor, path_gradient: Tensor
) -> AttributionStatistics:
    """Describe NAA's approximate attribution A = (y(x) - y(black)) g (paper, equation 7).

    Args:
        surrogate: The attribution is of a class's softmax probability, over its attacked layer.
        images: (B, 3, H, W) in [0, 1].
        labels: Classes (B,) that are attributed: those that are attacked.
        path_gradient: g, as the attacked layer's output; see `average_gradient`.
    """
    features, logits = surrogate.features_and_logits(images)
    black_features, black_logits = surrogate.features_and_logits(torch.zeros_like(images[:1]))
    attribution = ((features - black_features) * path_gradient).flatten(1)
    shares = attribution / attribution.abs().sum(1, keepdim=True)
    probability = logits.softmax(1).gather(1, labels[:, None]).squeeze(1)
    return AttributionStatistics(
        positive_share=shares.clamp_min(0).sum(1),
        participation=1 / (attribution.shape[1] * shares.square().sum(1)),
        attributed=attribution.sum(1),
        explained=probability - black_logits.softmax(1)[0, labels],
    )
