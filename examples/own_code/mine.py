"""An attack and a network of one's own, as `attack/suppression.yaml` and a command line name them."""

from collections import OrderedDict

from torch import Tensor, nn

from naa_lightning.attacks import AttackContext, Objective, PreparedObjective
from naa_lightning.attacks.objectives.objective import View


class FeatureSuppression(Objective):
    """Decrease how strongly the attacked layer answers: the mean of its output's absolute values, to some power.

    Args:
        power: The power.
    """

    untargetable = "it suppresses the features of every class alike"

    def __init__(self, *, power: float = 1.0) -> None:
        self.power = power

    def prepare(self, context: AttackContext) -> PreparedObjective:
        """Compute nothing: the clean images have no part in it."""

        def score(seen: Tensor, view: View) -> Tensor:
            return -context.surrogate.features(seen).abs().pow(self.power).flatten(1).mean(1)

        return PreparedObjective(score)


def build(width: int = 8) -> nn.Module:
    """Make a small network for images of any size and 10 classes; a real one would load its weights here."""
    features = nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(width, 2 * width, 3, padding=1),
        nn.ReLU(),
    )
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2 * width, 10))
    return nn.Sequential(OrderedDict(features=features, head=head))
