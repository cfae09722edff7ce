"""A running mean of a model's weights while it is trained."""

from functools import partial

from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor


class RunningMean(WeightAveraging):
    """Averages weights exponentially after each step; the mean is validated, kept and used.

    The mean is of few steps first, so that it soon forgets the initial weights, as in timm's and TensorFlow's averages:
    after n steps the decay is at most (1 + n) / (10 + n).

    Args:
        decay: In (0, 1): the mean is of about 1 / (1 - decay) steps.
    """

    def __init__(self, decay: float) -> None:
        super().__init__(avg_fn=partial(_mean, decay=decay))


def _mean(mean: Tensor, value: Tensor, steps: Tensor | int, *, decay: float) -> Tensor:
    decay = min(decay, (1 + int(steps)) / (10 + int(steps)))
    return decay * mean + (1 - decay) * value
