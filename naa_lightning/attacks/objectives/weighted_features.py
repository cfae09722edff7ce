"""The weighted sum of features that FIA, NAA and their relatives decrease."""

from collections.abc import Iterable

from torch import Tensor

from naa_lightning.attacks.objectives.objective import AttackContext, PreparedObjective, Score, View
from naa_lightning.attribution import average_gradient, class_logit, equal_weights, unit_norm
from naa_lightning.models import Classifier


def aggregate_gradient_objective(context: AttackContext, inputs: Iterable[Tensor], count: int) -> PreparedObjective:
    """Return FIA's objective: weights are the unit-norm gradient of the class's logit, averaged over inputs.

    Args:
        context: The surrogate and batch of the attack.
        inputs: Images of shape (B, 3, H, W) each, as the surrogate sees them.
        count: The number of inputs.
    """
    average = average_gradient(
        context.surrogate,
        inputs,
        context.labels,
        class_logit,
        weights=equal_weights(count),
        images_per_pass=context.images_per_pass,
    )
    return PreparedObjective(weighted_feature_score(context.surrogate, unit_norm(average.plain)), count)


def weighted_feature_score(surrogate: Classifier, weights: Tensor) -> Score:
    """Return the score -sum(y w), y being the attacked layer's output.

    Args:
        surrogate: The classifier with the attacked layer.
        weights: The weights w of the attacked layer's shape (B, ...).
    """

    def score(seen: Tensor, view: View) -> Tensor:
        return -(surrogate.features(seen) * weights).flatten(1).sum(1)

    return score
