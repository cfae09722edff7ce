"""The objective of ILPD (Li et al., NeurIPS 2023, arXiv:2304.13410)."""

import itertools

import torch
from torch import Tensor
from torch.nn import functional as F

from naa_lightning.attacks.objectives.objective import AttackContext, Objective, PreparedObjective, View
from naa_lightning.validation import check_at_least


class PerturbationDecay(Objective):
    """Increase the cross-entropy of a network in which the perturbation of the attacked layer is made smaller.

    The layer's output goes on as y_clean + share (y_adv - y_clean), y_clean being that of the clean image with fresh
    noise at every gradient.

    Args:
        share: The share 1 / gamma of the perturbation that is left.
        noise: The standard deviation of the normal noise on the clean image, images being in [0, 1].

    Raises:
        ValueError: A value is out of range.
    """

    def __init__(self, *, share: float = 0.1, noise: float = 0.05) -> None:
        if not 0 < share <= 1:
            raise ValueError(f"share must be in (0, 1], got {share}")
        check_at_least("noise", noise, 0)
        self.share = share
        self.noise = noise

    def prepare(self, context: AttackContext) -> PreparedObjective:
        """Compute nothing; the score counts its evaluations, for fresh noise in each."""
        evaluations = itertools.count()

        def score(seen: Tensor, view: View) -> Tensor:
            clean = view(context.images)
            noise = context.draws.normal("ilpd/noise", next(evaluations), clean)
            with torch.no_grad():
                reference = context.surrogate.features(clean + self.noise * noise)

            def decay(features: Tensor) -> Tensor:
                return reference + self.share * (features - reference)

            return F.cross_entropy(context.surrogate.logits_with(seen, decay), context.labels, reduction="none")

        return PreparedObjective(score)
