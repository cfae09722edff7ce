"""What FIA, NAA and their relatives share: a weighted sum of features that is to fall."""

from collections.abc import Iterable

from torch import Tensor

from naa_lightning.attacks.objectives.objective import Goal, Score, Task, View
from naa_lightning.attribution import average_gradient, class_logit, equal_weights, unit_norm
from naa_lightning.models import Classifier


def fall_of_important_features(task: Task, inputs: Iterable[Tensor], count: int) -> Goal:
    """Return FIA's goal: weights are the unit-norm gradient of the class's logit, averaged over inputs.

    Args:
        task: What the goal is for.
        inputs: Each (B, 3, H, W).
        count: How many.
    """
    gradient = average_gradient(
        task.surrogate,
        inputs,
        task.labels,
        class_logit,
        weights=equal_weights(count),
        path_batch_size=task.pass_images,
    )
    return Goal(fall_of_weighted_features(task.surrogate, unit_norm(gradient)), count)


def fall_of_weighted_features(surrogate: Classifier, weights: Tensor) -> Score:
    """Return the score -sum(y w).

    Args:
        surrogate: y is its attacked layer's output.
        weights: w, as that output, one per image.
    """

    def score(seen: Tensor, view: View) -> Tensor:
        return -(surrogate.features(seen) * weights).flatten(1).sum(1)

    return score
