"""The objective of FIA (Wang et al., ICCV 2021, arXiv:2107.14185)."""

from naa_lightning.attacks.objectives.objective import AttackContext, Objective, PreparedObjective
from naa_lightning.attacks.objectives.weighted_features import aggregate_gradient_objective
from naa_lightning.attribution import masked_copies
from naa_lightning.validation import check_at_least


class FeatureImportance(Objective):
    """Suppress the features that matter for the true class: increase -sum(y_adv w).

    The weights w are the unit-norm gradient of the true class's logit, averaged over copies of the clean image in
    which pixel values were dropped at random.

    Args:
        masks: The number N of such copies.
        keep: The probability that a pixel value is kept; the authors use 0.9 against defended targets.

    Raises:
        ValueError: A value is out of range.
    """

    through_softmax = False

    def __init__(self, *, masks: int = 30, keep: float = 0.7) -> None:
        check_at_least("masks", masks, 1)
        if not 0 < keep <= 1:
            raise ValueError(f"keep must be in (0, 1], got {keep}")
        self.masks = masks
        self.keep = keep

    def prepare(self, context: AttackContext) -> PreparedObjective:
        """Compute the weights, once, on the clean images."""
        copies = masked_copies(context.images, self.masks, self.keep, context.draws)
        seen = (context.view(copy, -1 - index) for index, copy in enumerate(copies))
        return aggregate_gradient_objective(context, seen, self.masks)
