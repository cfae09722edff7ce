"""A running mean of a model's weights while it is trained."""

from functools import partial

import torch
from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor


class RunningMean(WeightAveraging):
    """Averages weights exponentially after each step; the mean is validated, kept and used.

    The mean is of few steps first, so that it soon forgets the initial weights, as in timm's and TensorFlow's averages:
    after n steps the decay is at most (1 + n) / (10 + n).

    Args:
        decay: Decay in (0, 1); the mean is of about 1 / (1 - decay) steps.
        device: Device of the mean: that of the weights, which Lightning moves there later than this is set up.
    """

    def __init__(self, decay: float, device: torch.device) -> None:
        super().__init__(device, avg_fn=partial(_mean, decay=decay))


def _mean(mean: Tensor, value: Tensor, steps: Tensor, *, decay: float) -> Tensor:
    used = ((1 + steps) / (10 + steps)).clamp(max=decay)  # a tensor still: a number would have to wait for the GPU
    return used * mean + (1 - used) * value
