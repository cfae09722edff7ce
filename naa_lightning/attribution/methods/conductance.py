"""Exact neuron attribution."""

from dataclasses import dataclass, field

from torch import Tensor

from naa_lightning.attribution.methods.method import Question
from naa_lightning.attribution.output import of_classes
from naa_lightning.attribution.passes import in_passes
from naa_lightning.attribution.path import Path


@dataclass(frozen=True, kw_only=True)
class Conductance:
    """The path integral of NAA's equation 3, layer conductance (Dhamdhere et al., ICLR 2019, arXiv:1805.12233).

    A_j = integral of dF/dy_j (dy_j/dx . (x - x')) along the path: a neuron's share of F(x) - F(x'), with nothing
    approximated but the integral.

    Args:
        path: Where the integrand is evaluated.
    """

    path: Path = field(default_factory=lambda: Path(rule="gauss_legendre", points=50, noise=0.0))

    @property
    def gradient_evaluations(self) -> int:
        """One per point; a forward derivative of what is below the layer comes with each."""
        return self.path.points

    def attribute(self, question: Question) -> Tensor:
        """Return A, (B, ...) as the attacked layer's output."""
        total: Tensor | None = None
        weights = self.path.quadrature.weights
        points = self.path.walk(question.images, question.baseline, question.draws)
        for part in in_passes(points, question.path_batch_size):
            images, direction = part.columns
            score = of_classes(question.output, part.of_images(question.classes))
            gradients, changes = question.surrogate.layer_gradient_and_change(images, direction, score)
            if total is None:
                total = images.new_zeros(len(question.images), *gradients.shape[1:])
            for piece, (gradient, change) in part.split(gradients, changes):
                total[piece.rows] += weights[piece.point] * gradient * change
        assert total is not None, "a path has at least one point"
        return total
