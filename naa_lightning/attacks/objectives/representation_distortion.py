"""The objective of NRDM (Naseer et al., 2018, arXiv:1811.09020)."""

import math

import torch
from torch import Tensor

from naa_lightning.attacks.objectives.objective import AttackContext, Objective, PreparedObjective, View
from naa_lightning.attacks.objectives.reference import clean_features
from naa_lightning.validation import parse_number


class RepresentationDistortion(Objective):
    """Increase the distance ||y_adv - y_clean||_2 of the attacked layer's outputs.

    At the clean image that distance has no gradient; the attack begins beside it.

    Args:
        start_noise: The standard deviation of the normal noise that it begins with, written like eps (in the releases
            of FIA and NAA).

    Raises:
        ValueError: The noise is not positive.
    """

    through_softmax = False
    untargetable = "it moves features away from the clean image's, towards no class"

    def __init__(self, *, start_noise: float | str = "0.1/255") -> None:
        self.start_noise = parse_number("start_noise", start_noise)
        if not 0 < self.start_noise < math.inf:
            raise ValueError(f"start_noise must be positive, got {start_noise}")

    def prepare(self, context: AttackContext) -> PreparedObjective:
        """Draw the start."""
        reference = clean_features(context)

        def score(seen: Tensor, view: View) -> Tensor:
            distance = (context.surrogate.features(seen) - reference(view)).flatten(1)
            length: Tensor = torch.linalg.vector_norm(distance, dim=1)
            return length

        noise = context.draws.normal("nrdm/start", 0, context.images)
        return PreparedObjective(score, start=context.images + self.start_noise * noise)
