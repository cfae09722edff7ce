"""The simplest attribution."""

from dataclasses import dataclass

from torch import Tensor

from naa_lightning.attribution.methods.method import AttributionContext, Method


@dataclass(frozen=True)
class GradientTimesActivation(Method):
    """A = y(x) dF/dy(x): one gradient, at the image; it knows no baseline."""

    @property
    def gradient_evaluations(self) -> int:
        """1."""
        return 1

    def attribute(self, context: AttributionContext) -> Tensor:
        """Return A, (B, ...) of the attacked layer's shape."""
        return context.features(context.images) * context.gradient([context.images], [1.0])
