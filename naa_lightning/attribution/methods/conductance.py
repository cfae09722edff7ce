"""Exact neuron attribution."""

from dataclasses import dataclass, field

from torch import Tensor

from naa_lightning.attribution.methods.method import AttributionContext, Method
from naa_lightning.attribution.output import of_classes
from naa_lightning.attribution.passes import forward_passes
from naa_lightning.attribution.path import Path


@dataclass(frozen=True, kw_only=True)
class Conductance(Method):
    """The path integral of NAA's equation 3, layer conductance (Dhamdhere et al., ICLR 2019, arXiv:1805.12233).

    A_j = integral of dF/dy_j (dy_j/dx . (x - x')) along the path: a neuron's share of F(x) - F(x'), with nothing
    approximated but the integral.

    Args:
        path: The points at which the integrand is evaluated.
    """

    path: Path = field(default_factory=lambda: Path(rule="gauss_legendre", points=50, noise=0.0))

    @property
    def gradient_evaluations(self) -> int:
        """One per point; a forward derivative of what is below the layer comes with each."""
        return self.path.points

    def attribute(self, context: AttributionContext) -> Tensor:
        """Return A, (B, ...) of the attacked layer's shape."""
        total: Tensor | None = None
        weights = self.path.quadrature.weights
        points = self.path.walk(context.images, context.baseline, context.draws)
        for one in forward_passes(points, context.images_per_pass):
            images, direction = one.columns
            score = of_classes(context.output, one.of_images(context.classes))
            gradients, changes = context.surrogate.layer_gradient_and_change(images, direction, score)
            if total is None:
                total = images.new_zeros(len(context.images), *gradients.shape[1:])
            for segment, (gradient, change) in one.split(gradients, changes):
                total[segment.rows] += weights[segment.point] * gradient * change
        assert total is not None, "a path has at least one point"
        return total
