"""What FIA, NAA and their relatives share: a weighted sum of features that is to fall."""

from collections.abc import Iterable

from torch import Tensor

from naa_lightning.attacks.objectives.objective import Goal, Score, Task, View
from naa_lightning.attribution import average_gradient, class_logit, unit_norm
from naa_lightning.models import Classifier


def fall_of_important_features(task: Task, inputs: Iterable[Tensor]) -> Goal:
    """Return FIA's goal: weights are the unit-norm gradient of the class's logit, averaged over inputs (B, 3, H, W)."""
    average = average_gradient(task.surrogate, inputs, class_logit(task.labels))
    return Goal(fall_of_weighted_features(task.surrogate, unit_norm(average.gradient)), average.evaluations)


def fall_of_weighted_features(surrogate: Classifier, weights: Tensor) -> Score:
    """Return the score -sum(y w).

    Args:
        surrogate: y is its attacked layer's output.
        weights: w, as that output, one per image.
    """

    def score(seen: Tensor, view: View) -> Tensor:
        return -(surrogate.features(seen) * weights).flatten(1).sum(1)

    return score
