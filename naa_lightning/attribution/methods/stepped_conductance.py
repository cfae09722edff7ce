"""Exact neuron attribution without a Jacobian."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from naa_lightning.attribution.methods.method import Question
from naa_lightning.attribution.output import of_classes
from naa_lightning.attribution.passes import in_passes
from naa_lightning.attribution.path import Path


@dataclass(frozen=True, kw_only=True)
class SteppedConductance:
    """Conductance with the layer's change from one point to the next instead of its Jacobian, as Captum computes it.

    A_j = sum over l of dF/dy_j(x_l) (y_j(x_l+1) - y_j(x_l)). The rule says where the points are, not what they count.

    Args:
        path: At least 2 points, from the baseline to the image.

    Raises:
        ValueError: The path is another.
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

    def attribute(self, question: Question) -> Tensor:
        """Return A, (B, ...) as the attacked layer's output."""
        surrogate = question.surrogate
        total = question.images.new_zeros(question.features(question.images).shape)
        gradient_before, features_before = torch.zeros_like(total), torch.zeros_like(total)
        points = self.path.walk(question.images, question.baseline, question.draws)
        for part in in_passes(([point.images] for point in points), question.path_batch_size):
            (images,) = part.columns
            gradients = surrogate.layer_gradient(images, of_classes(question.output, part.of_images(question.classes)))
            with torch.no_grad():
                features = surrogate.features(images)
            for (_, rows), (gradient, here) in part.split(gradients, features):
                # at the first point nothing came before, and the gradient there is zero
                total[rows] += gradient_before[rows] * (here - features_before[rows])
                gradient_before[rows], features_before[rows] = gradient, here
        return total
