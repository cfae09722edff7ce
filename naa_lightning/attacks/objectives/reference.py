"""The clean image's features, which some objectives compare with."""

from collections.abc import Callable

import torch
from torch import Tensor

from naa_lightning.attacks.objectives.objective import AttackContext, View


def clean_features(context: AttackContext) -> Callable[[View], Tensor]:
    """Return a function from a view to the attacked layer's output for the clean images so seen, as a constant.

    Where the surrogate sees the images themselves, the output is computed once.
    """
    known: Tensor | None = None

    @torch.no_grad()
    def reference(view: View) -> Tensor:
        nonlocal known
        clean = view(context.images)
        if clean is not context.images:
            return context.surrogate.features(clean)
        if known is None:
            known = context.surrogate.features(clean)
        return known

    return reference
