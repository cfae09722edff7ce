"""The objective of MI-FGSM and its relatives."""

from torch import Tensor
from torch.nn import functional as F

from naa_lightning.attacks.objectives.objective import Goal
from naa_lightning.draws import Draws
from naa_lightning.models import Classifier


class CrossEntropy:
    """Increase the cross-entropy of the true class (Goodfellow et al., 2015)."""

    def prepare(self, surrogate: Classifier, images: Tensor, labels: Tensor, draws: Draws) -> Goal:
        """Nothing depends on the clean images."""

        def score(adversarial: Tensor) -> Tensor:
            return F.cross_entropy(surrogate(adversarial), labels, reduction="none")

        return Goal(score)
