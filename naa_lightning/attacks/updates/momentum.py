"""The update of MI-FGSM (Dong et al., CVPR 2018)."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from naa_lightning.attacks.budget import Budget


class Momentum:
    """Step along the sign of the accumulated, per-image normalised gradient.

    g <- decay g + grad / mean|grad|, step = step_size sign(g).

    Args:
        decay: mu, how much of the accumulated gradient is kept.

    Raises:
        ValueError: It is negative.
    """

    def __init__(self, *, decay: float = 1.0) -> None:
        if not 0 <= decay < math.inf:
            raise ValueError(f"decay must be at least 0, got {decay}")
        self.decay = decay

    def begin(self, budget: Budget) -> Callable[[Tensor], Tensor]:
        """Return the step function of a new attack."""
        accumulated: Tensor | None = None

        def step(gradient: Tensor) -> Tensor:
            nonlocal accumulated
            mean = gradient.abs().mean(dim=(1, 2, 3), keepdim=True)
            normalised = gradient / mean.clamp_min(torch.finfo(gradient.dtype).tiny)
            accumulated = normalised if accumulated is None else self.decay * accumulated + normalised
            return budget.step_size * accumulated.sign()

        return step
