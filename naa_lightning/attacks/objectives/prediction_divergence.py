"""The objective of TRADES (Zhang et al., ICML 2019, arXiv:1901.08573)."""

import math

from torch import Tensor
from torch.nn import functional as F

from naa_lightning.attacks.objectives.objective import AttackContext, Objective, PreparedObjective, View
from naa_lightning.validation import parse_number


class PredictionDivergence(Objective):
    """Increase the Kullback-Leibler divergence KL(p(x) || p(x_adv)) of the predicted probabilities.

    It needs no labels. At the clean image it has no gradient; the attack begins beside it.

    Args:
        start_noise: The standard deviation of the normal noise that it begins with, written like eps (0.001 in the
            authors' release).

    Raises:
        ValueError: The noise is not positive.
    """

    feature_level = False
    untargetable = "it moves predictions away from the clean image's, towards no class"

    def __init__(self, *, start_noise: float | str = 0.001) -> None:
        self.start_noise = parse_number("start_noise", start_noise)
        if not 0 < self.start_noise < math.inf:
            raise ValueError(f"start_noise must be positive, got {start_noise}")

    def prepare(self, context: AttackContext) -> PreparedObjective:
        """Ask for the clean prediction, which transforms change from pass to pass, and draw the start."""
        untransformed = context.surrogate(context.images).detach()

        def score(seen: Tensor, view: View) -> Tensor:
            clean = view(context.images)
            logits = untransformed if clean is context.images else context.surrogate(clean).detach()
            return divergence(logits, context.surrogate(seen))

        noise = context.draws.normal("trades/start", 0, context.images)
        return PreparedObjective(score, start=context.images + self.start_noise * noise)


def divergence(logits: Tensor, others: Tensor) -> Tensor:
    """Return KL(p || q) in nats of the probabilities behind two sets of logits (B, K), one number per image (B,).

    Example:
        >>> import torch
        >>> divergence(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 0.0], [20.0, 0.0]]))
        tensor([0.0000, 9.3069])
    """
    terms: Tensor = F.kl_div(others.log_softmax(1), logits.log_softmax(1), reduction="none", log_target=True)
    return terms.sum(1)
