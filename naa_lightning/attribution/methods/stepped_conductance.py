"""Exact neuron attribution without a Jacobian."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from naa_lightning.attribution.methods.method import AttributionContext, Method
from naa_lightning.attribution.output import of_classes
from naa_lightning.attribution.passes import forward_passes
from naa_lightning.attribution.path import Path


@dataclass(frozen=True, kw_only=True)
class SteppedConductance(Method):
    """Conductance with the layer's change from one point to the next instead of its Jacobian, as Captum computes it.

    A_j = sum over l of dF/dy_j(x_l) (y_j(x_l+1) - y_j(x_l)). The rule says where the points are, not what they count.

    Args:
        path: The points at which the gradient is evaluated, at least 2 from the baseline to the image.

    Raises:
        ValueError: The path has one point, or leads from the image to the baseline.
    """

    path: Path = field(default_factory=lambda: Path(rule="trapezoid", points=50, noise=0.0))

    def __post_init__(self) -> None:
        positions = self.path.quadrature.positions
        if not positions[0] < positions[-1]:
            raise ValueError(
                "expected a path of at least 2 points from the baseline to the image, got "
                f"{self.path.points} of the rule {self.path.rule}"
            )

    @property
    def gradient_evaluations(self) -> int:
        """One per point."""
        return self.path.points

    def attribute(self, context: AttributionContext) -> Tensor:
        """Return A, (B, ...) of the attacked layer's shape."""
        surrogate = context.surrogate
        total = context.images.new_zeros(context.features(context.images).shape)
        gradient_before, features_before = torch.zeros_like(total), torch.zeros_like(total)
        points = self.path.walk(context.images, context.baseline, context.draws)
        for one in forward_passes(([point.images] for point in points), context.images_per_pass):
            (images,) = one.columns
            gradients = surrogate.layer_gradient(images, of_classes(context.output, one.of_images(context.classes)))
            with torch.no_grad():
                features = surrogate.features(images)
            for (_, rows), (gradient, here) in one.split(gradients, features):
                # at the first point nothing came before, and the gradient there is zero
                total[rows] += gradient_before[rows] * (here - features_before[rows])
                gradient_before[rows], features_before[rows] = gradient, here
        return total
