"""The objective of FGSM, MI-FGSM and their relatives."""

from torch import Tensor
from torch.nn import functional as F

from naa_lightning.attacks.objectives.objective import Goal, Task, View


class CrossEntropy:
    """Increase the cross-entropy of the true class (Goodfellow et al., 2015)."""

    feature_level = False
    untargetable = None

    def prepare(self, task: Task) -> Goal:
        """Nothing depends on the clean images."""

        def score(seen: Tensor, view: View) -> Tensor:
            return F.cross_entropy(task.surrogate(seen), task.labels, reduction="none")

        return Goal(score)
