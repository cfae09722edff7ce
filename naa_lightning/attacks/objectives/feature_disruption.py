"""The objective of FDA (Ganeshan et al., ICCV 2019, arXiv:1909.04385)."""

import torch
from torch import Tensor

from naa_lightning.attacks.objectives.objective import AttackContext, Objective, PreparedObjective, View
from naa_lightning.attacks.objectives.reference import clean_features


class FeatureDisruption(Objective):
    """Raise the features that are weak in the clean image and lower those that are strong.

    A feature is weak if it is below the mean m over the channels at its position. Increased is
    log l2(y_adv where y_clean < m) - log l2(y_adv where y_clean >= m), l2 being half the sum of squares, per image.
    Channels are the second dimension of maps (B, C, H, W) and the last of tokens (B, N, D).
    """

    through_softmax = False
    for_activations = True
    untargetable = "it swaps strong and weak features, towards no class"

    def prepare(self, context: AttackContext) -> PreparedObjective:
        """Compute the clean features, in which every view has its weak and strong ones."""
        reference = clean_features(context)

        def score(seen: Tensor, view: View) -> Tensor:
            before = reference(view)
            weak = before < before.mean(dim=-1 if before.ndim == 3 else 1, keepdim=True)
            energy = context.surrogate.features(seen).square()
            return _log_half_sum(energy * weak) - _log_half_sum(energy * ~weak)

        return PreparedObjective(score)


def _log_half_sum(squares: Tensor) -> Tensor:
    half = squares.flatten(1).sum(1) / 2
    return half.clamp_min(torch.finfo(half.dtype).tiny).log()
