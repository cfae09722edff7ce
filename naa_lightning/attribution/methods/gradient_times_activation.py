"""The simplest attribution."""

from dataclasses import dataclass

from torch import Tensor

from naa_lightning.attribution.methods.method import Question


@dataclass(frozen=True)
class GradientTimesActivation:
    """A = y(x) dF/dy(x): one gradient, at the image; it knows no baseline."""

    @property
    def gradient_evaluations(self) -> int:
        """1."""
        return 1

    def attribute(self, question: Question) -> Tensor:
        """Return A, (B, ...) as the attacked layer's output."""
        return question.features(question.images) * question.gradient([question.images], [1.0])
