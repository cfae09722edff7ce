"""The objective of NRDM (Naseer et al., 2018, arXiv:1811.09020)."""

import math

import torch
from torch import Tensor

from naa_lightning.attacks.objectives.objective import Goal, Task, View
from naa_lightning.attacks.objectives.reference import clean_features
from naa_lightning.validation import number


class RepresentationDistortion:
    """Increase the distance ||y_adv - y_clean||_2 of the attacked layer's outputs.

    At the clean image that distance has no gradient; the attack begins beside it.

    Args:
        start_noise: Standard deviation of the normal noise that it begins with, written like eps (in the releases of
            FIA and NAA).

    Raises:
        ValueError: It is not positive.
    """

    feature_level = True
    untargetable = "it moves features away from the clean image's, towards no class"

    def __init__(self, *, start_noise: float | str = "0.1/255") -> None:
        self.start_noise = number("start_noise", start_noise)
        if not 0 < self.start_noise < math.inf:
            raise ValueError(f"start_noise must be positive, got {start_noise}")

    def prepare(self, task: Task) -> Goal:
        """Draw the start."""
        reference = clean_features(task)

        def score(seen: Tensor, view: View) -> Tensor:
            distance = (task.surrogate.features(seen) - reference(view)).flatten(1)
            length: Tensor = torch.linalg.vector_norm(distance, dim=1)
            return length

        noise = task.draws.normal("nrdm/start", 0, task.images)
        return Goal(score, start=task.images + self.start_noise * noise)
