"""What FIA, NAA and their relatives share: a weighted sum of features that is to fall."""

from torch import Tensor

from naa_lightning.attacks.objectives.objective import Score, View
from naa_lightning.models import Classifier


def fall_of_weighted_features(surrogate: Classifier, weights: Tensor) -> Score:
    """Return the score -sum(y w).

    Args:
        surrogate: y is its attacked layer's output.
        weights: w, as that output, one per image.
    """

    def score(seen: Tensor, view: View) -> Tensor:
        return -(surrogate.features(seen) * weights).flatten(1).sum(1)

    return score
