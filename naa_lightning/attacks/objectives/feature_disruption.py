"""The objective of FDA (Ganeshan et al., ICCV 2019, arXiv:1909.04385)."""

import torch
from torch import Tensor

from naa_lightning.attacks.objectives.objective import Goal, Task, View
from naa_lightning.attacks.objectives.reference import clean_features


class FeatureDisruption:
    """Raise the features that are weak in the clean image and lower those that are strong.

    A feature is weak if it is below the mean m over the channels at its position. Increased is
    log l2(y_adv where y_clean < m) - log l2(y_adv where y_clean >= m), l2 being half the sum of squares, per image.
    Channels are the second dimension of maps (B, C, H, W) and the last of tokens (B, N, D).
    """

    feature_level = True
    untargetable = "it swaps strong and weak features, towards no class"

    def prepare(self, task: Task) -> Goal:
        """What is weak is found in every view of the clean images."""
        reference = clean_features(task)

        def score(seen: Tensor, view: View) -> Tensor:
            before = reference(view)
            weak = before < before.mean(dim=-1 if before.ndim == 3 else 1, keepdim=True)
            energy = task.surrogate.features(seen).square()
            return _log_half_sum(energy * weak) - _log_half_sum(energy * ~weak)

        return Goal(score)


def _log_half_sum(squares: Tensor) -> Tensor:
    half = squares.flatten(1).sum(1) / 2
    return half.clamp_min(torch.finfo(half.dtype).tiny).log()
