"""The clean image's features, which some objectives compare with."""

from collections.abc import Callable

import torch
from torch import Tensor

from naa_lightning.attacks.objectives.objective import Task


def clean_features(task: Task) -> Callable[[Tensor], Tensor]:
    """Return a function from what the surrogate sees of the clean images to its attacked layer's output, as constant.

    The output for the clean images themselves is computed once.
    """
    known: Tensor | None = None

    @torch.no_grad()
    def reference(clean: Tensor) -> Tensor:
        nonlocal known
        if clean is not task.images:
            return task.surrogate.features(clean)
        if known is None:
            known = task.surrogate.features(clean)
        return known

    return reference
