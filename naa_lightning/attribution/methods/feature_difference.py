"""NAA's approximation of neuron attribution."""

from dataclasses import dataclass, field

from torch import Tensor

from naa_lightning.attribution.methods.method import AttributionContext, Method
from naa_lightning.attribution.path import Path


@dataclass(frozen=True, kw_only=True)
class FeatureDifference(Method):
    """A = (y(x) - y(x')) times the gradient averaged over the path (Zhang et al., CVPR 2022, equation 7).

    It takes the layer's change along the path for independent of the gradient there.

    Args:
        path: The points at which the gradient is evaluated.
    """

    path: Path = field(default_factory=Path)

    @property
    def gradient_evaluations(self) -> int:
        """One per point."""
        return self.path.points

    def attribute(self, context: AttributionContext) -> Tensor:
        """Return A, (B, ...) of the attacked layer's shape."""
        points = self.path.walk(context.images, context.baseline, context.draws)
        gradient = context.gradient((point.images for point in points), self.path.quadrature.weights)
        return (context.features(context.images) - context.features(context.baseline)) * gradient
