"""NAA's approximation of neuron attribution."""

from dataclasses import dataclass, field

from torch import Tensor

from naa_lightning.attribution.methods.method import Question
from naa_lightning.attribution.path import Path


@dataclass(frozen=True, kw_only=True)
class FeatureDifference:
    """A = (y(x) - y(x')) times the gradient averaged over the path (Zhang et al., CVPR 2022, equation 7).

    It takes the layer's change along the path for independent of the gradient there.

    Args:
        path: Where the gradient is evaluated.
    """

    path: Path = field(default_factory=Path)

    @property
    def gradient_evaluations(self) -> int:
        """One per point."""
        return self.path.points

    def attribute(self, question: Question) -> Tensor:
        """Return A, (B, ...) as the attacked layer's output."""
        points = self.path.walk(question.images, question.baseline, question.draws)
        gradient = question.gradient((point.images for point in points), self.path.quadrature.weights)
        return (question.features(question.images) - question.features(question.baseline)) * gradient
