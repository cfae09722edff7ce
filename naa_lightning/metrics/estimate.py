"""A mean rate over several targets, or the difference of two, with its interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from naa_lightning.metrics.wilson import Z_95

RATE, DIFFERENCE = (0.0, 0.0, 1.0, 1.0), (-1.0, 1.0)
"""The outcomes of the imagined images of a rate, and of a difference of two."""


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


def estimate(outcomes: Tensor, imagined: Sequence[float]) -> Estimate | None:
    """Return the mean over targets of each target's mean over images, with a 95 % interval.

    The interval is Wald's with a few imagined images added, which keeps it honest near the ends of the range. The
    targets are given and the images are a sample, so that an image's outcomes on several targets count as one draw. For
    one target, two imagined failures and two successes make it that of Agresti and Coull (1998) for a rate, and one
    image for each side that of Bonett and Price (2012) for a difference of paired rates.

    Args:
        outcomes: Outcomes of shape (targets, images) in the range of `imagined`, NaN where an image does not count.
        imagined: Outcomes of the imagined images, the same for every target: `RATE` or `DIFFERENCE`.

    Returns:
        None where no image counts.

    Example:
        >>> rate = estimate(torch.tensor([[1.0, 1.0, 1.0, 0.0]]), imagined=RATE)
        >>> f"{rate.value:.2f}, {rate.low:.3f} to {rate.high:.3f}"
        '0.75, 0.290 to 0.960'
    """
    known = outcomes[outcomes.isfinite().any(1)].double()
    if not len(known):
        return None
    padded = torch.cat([known, known.new_tensor(imagined).expand(len(known), -1)], dim=1)
    means = padded.nanmean(1, keepdim=True)
    influence = ((padded - means) / padded.isfinite().sum(1, keepdim=True)).nan_to_num(0).mean(0)
    centre, margin = means.mean().item(), Z_95 * influence.square().sum().sqrt().item()
    return Estimate(
        value=known.nanmean(1).mean().item(),
        low=max(min(imagined), centre - margin),
        high=min(max(imagined), centre + margin),
    )
