"""The objective of RPA (Zhang et al., IJCAI 2022)."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from naa_lightning.attacks.objectives.objective import AttackContext, Objective, PreparedObjective
from naa_lightning.attacks.objectives.weighted_features import aggregate_gradient_objective
from naa_lightning.validation import check_at_least


class RandomPatch(Objective):
    """FIA with other copies: patches of the clean image are multiplied by random numbers instead of dropped.

    Copy l works on patches of the l-th side, in turn; every patch of every channel is kept with probability `keep`,
    else each of its values is multiplied by a number uniform in [0, 1). The paper's sides are 1, 3, 5 and 7. Here the
    release is not followed: the same sides stand in it, but a leftover condition lets it use side 1 alone, and of
    larger patches it would change an exact share, the same for all images of a batch.

    Args:
        masks: The number N of copies.
        keep: The probability that a patch is kept.
        patches: The sides of patches in pixels.

    Raises:
        ValueError: A value is out of range.
    """

    through_softmax = False

    def __init__(self, *, masks: int = 60, keep: float = 0.7, patches: Sequence[int] = (1, 3, 5, 7)) -> None:
        check_at_least("masks", masks, 1)
        if not 0 < keep <= 1:
            raise ValueError(f"keep must be in (0, 1], got {keep}")
        if not patches or min(patches) < 1:
            raise ValueError(f"patches must hold sides of at least 1 pixel, got {list(patches)}")
        self.masks = masks
        self.keep = keep
        self.patches = tuple(patches)

    def prepare(self, context: AttackContext) -> PreparedObjective:
        """Compute the weights, once, on the clean images."""
        return aggregate_gradient_objective(context, self._patched(context), self.masks)

    def _patched(self, context: AttackContext) -> Iterator[Tensor]:
        images = context.images
        height, width = images.shape[-2:]
        for index in range(self.masks):
            side = self.patches[index % len(self.patches)]
            # what is left at the lower and right edge, smaller than a patch, is kept
            grid = images.new_empty(*images.shape[:2], height // side, width // side)
            chosen = (context.draws.uniform("rpa/patches", index, grid) >= self.keep).to(images)
            inside = chosen.repeat_interleave(side, 2).repeat_interleave(side, 3)
            changed = F.pad(inside, (0, width - inside.shape[3], 0, height - inside.shape[2])).bool()
            factors = context.draws.uniform("rpa/factors", index, images)
            yield context.view(torch.where(changed, images * factors, images), -1 - index)
