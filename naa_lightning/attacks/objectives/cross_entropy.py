"""The objective of FGSM, MI-FGSM and their relatives."""

from torch import Tensor
from torch.nn import functional as F

from naa_lightning.attacks.objectives.objective import AttackContext, Objective, PreparedObjective, View


class CrossEntropy(Objective):
    """Increase the cross-entropy of the true class (Goodfellow et al., 2015)."""

    feature_level = False

    def prepare(self, context: AttackContext) -> PreparedObjective:
        """Compute nothing: the clean images have no part in it."""

        def score(seen: Tensor, view: View) -> Tensor:
            return F.cross_entropy(context.surrogate(seen), context.labels, reduction="none")

        return PreparedObjective(score)
