"""What neuron attributions of images look like, how two of them agree, and what an attack did to them."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from naa_lightning.attribution.attribute import Attribution


@dataclass(frozen=True)
class AttributionStatistics:
    """Statistics of neuron attributions A over one layer, each (B,); shares are NaN where A is zero throughout.

    Args:
        positive_share: Sum of the positive attributions over the sum of all absolute ones.
        participation: (sum |A|)^2 / (n sum A^2), the share of neurons that effectively carry the attribution: 1 when
            all carry the same, 1 / n when one carries all.
        gini: Gini coefficient of |A|: 0 when all neurons carry the same, 1 - 1 / n when one carries all.
        attributed: sum A.
        explained: F(x) - F(x'), what a complete attribution sums to.
    """

    positive_share: Tensor
    participation: Tensor
    gini: Tensor
    attributed: Tensor
    explained: Tensor


def attribution_statistics(attribution: Attribution) -> AttributionStatistics:
    """Describe attributions."""
    values = attribution.values.flatten(1)
    shares = values / values.abs().sum(1, keepdim=True)
    return AttributionStatistics(
        positive_share=shares.clamp_min(0).sum(1),
        participation=1 / (values.shape[1] * shares.square().sum(1)),
        gini=_gini(shares.abs()),
        attributed=values.sum(1),
        explained=attribution.explained,
    )


@dataclass(frozen=True)
class Agreement:
    """How alike two attributions of the same images are, each (B,), in [-1, 1].

    Args:
        cosine: Cosine of the angle between them; NaN where one is zero.
        rank_correlation: Spearman's rank correlation, ties having their mean rank; NaN where one is constant.
    """

    cosine: Tensor
    rank_correlation: Tensor


def agreement(one: Tensor, other: Tensor) -> Agreement:
    """Compare attributions (B, ...) of the same neurons, or of the same places; see `spatial_map`.

    Raises:
        ValueError: The shapes differ.

    Example:
        >>> found = agreement(torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[1.0, 20.0, 300.0]]))
        >>> float(found.rank_correlation)
        1.0
    """
    if one.shape != other.shape:
        raise ValueError(f"expected attributions of one shape, got {tuple(one.shape)} and {tuple(other.shape)}")
    first, second = one.flatten(1).double(), other.flatten(1).double()
    ranks = [torch.stack([_ranks(row) for row in values]) for values in (first, second)]
    centred = [rank - rank.mean(1, keepdim=True) for rank in ranks]
    return Agreement(cosine=_cosine(first, second).to(one), rank_correlation=_cosine(*centred).to(one))


@dataclass(frozen=True)
class AttackEffect:
    """What an attack did to the attributions of images, each (B,).

    Args:
        mass_before: Sum of |A| on the clean image.
        mass_after: Sum of |A| on the adversarial image.
        positive_before: Sum of the positive attributions on the clean image.
        positive_after: Likewise, on the adversarial image.
        positive_destroyed: Positive attribution that neurons had on the clean image and lack on the adversarial one.
    """

    mass_before: Tensor
    mass_after: Tensor
    positive_before: Tensor
    positive_after: Tensor
    positive_destroyed: Tensor


def attack_effect(clean: Tensor, adversarial: Tensor) -> AttackEffect:
    """Compare the attributions (B, ...) of clean and adversarial images.

    Example:
        >>> found = attack_effect(torch.tensor([[2.0, 1.0, -1.0]]), torch.tensor([[0.5, 4.0, -2.0]]))
        >>> float(found.mass_before), float(found.mass_after), float(found.positive_destroyed)
        (4.0, 6.5, 1.5)
    """
    before, after = clean.flatten(1), adversarial.flatten(1)
    positive_before, positive_after = before.clamp_min(0), after.clamp_min(0)
    return AttackEffect(
        mass_before=before.abs().sum(1),
        mass_after=after.abs().sum(1),
        positive_before=positive_before.sum(1),
        positive_after=positive_after.sum(1),
        positive_destroyed=(positive_before - positive_after).clamp_min(0).sum(1),
    )


def _gini(shares: Tensor) -> Tensor:
    """Return the Gini coefficient of each row of shares (B, n) that sum to 1."""
    count = shares.shape[1]
    ranks = torch.arange(1, count + 1, device=shares.device, dtype=torch.float64)
    # numpy sorts ten times as fast as torch on a CPU
    ordered = torch.from_numpy(np.sort(shares.numpy())) if shares.device.type == "cpu" else shares.sort(1).values
    weighted = (ordered.double() * (2 * ranks - count - 1)).sum(1)
    return (weighted / count).to(shares)


def _cosine(one: Tensor, other: Tensor) -> Tensor:
    """Return the cosine of the angle between rows (B, n), NaN where one is zero."""
    norms: Tensor = torch.linalg.vector_norm(one, dim=1) * torch.linalg.vector_norm(other, dim=1)
    return ((one * other).sum(1) / norms).clamp(-1, 1)


def _ranks(values: Tensor) -> Tensor:
    """Return the rank of each of values (n,), equal ones having their mean rank."""
    _, which, counts = torch.unique(values, return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    ranks: Tensor = (last - (counts - 1) / 2)[which]
    return ranks
