"""The interval of a mean over targets."""

import pandas as pd
import torch

from naa_lightning.metrics.estimate import RATE, estimate
from naa_lightning.records.targets import EstimateResult


def mean_interval(outcomes: pd.DataFrame) -> EstimateResult:
    """Return the mean over targets of a rate, with its interval: the images are a sample, the targets are given.

    Of each image, the mean over seeds and random draws counts.

    Args:
        outcomes: One line per answer: `target`, `id`, and `outcome`, 1 or 0, NaN where the image does not count.
    """
    by_image = outcomes.astype({"outcome": float}).groupby(["target", "id"]).outcome.mean().unstack()
    found = estimate(torch.tensor(by_image.to_numpy(float)), imagined=RATE)
    return EstimateResult() if found is None else EstimateResult(**vars(found))
