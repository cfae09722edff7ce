"""What all attribution methods have in common."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from naa_lightning.attribution.aggregate import average_gradient
from naa_lightning.attribution.output import Output
from naa_lightning.attribution.passes import forward_passes
from naa_lightning.models import Classifier
from naa_lightning.rng import Draws


@dataclass(frozen=True)
class AttributionContext:
    """The output F, images x and baselines x' whose difference F(x) - F(x') is attributed to neurons.

    Args:
        surrogate: The classifier with one attacked layer.
        images: Images x of shape (B, 3, H, W) in [0, 1].
        baseline: Baselines x' of the same shape.
        classes: The classes of shape (B,) whose output F is.
        output: The function F of logits and classes.
        draws: The source of random numbers.
        images_per_pass: The number of images per pass through the surrogate; None for all images at one point.
    """

    surrogate: Classifier
    images: Tensor
    baseline: Tensor
    classes: Tensor
    output: Output
    draws: Draws
    images_per_pass: int | None = None

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        """Return the attacked layer's output for images (B, 3, H, W)."""
        passes = forward_passes([[images]], self.images_per_pass)
        return torch.cat([self.surrogate.features(one.columns[0]) for one in passes])

    @torch.no_grad()
    def outputs(self, images: Tensor) -> Tensor:
        """Return F (B,) of images (B, 3, H, W)."""
        passes = forward_passes([[images]], self.images_per_pass)
        return torch.cat([self.output(self.surrogate(one.columns[0]), one.of_images(self.classes)) for one in passes])

    def gradient(self, inputs: Iterable[Tensor], weights: Sequence[float]) -> Tensor:
        """Return F's gradient at the attacked layer averaged over inputs, each (B, 3, H, W); see `average_gradient`."""
        return average_gradient(
            self.surrogate, inputs, self.classes, self.output, weights=weights, images_per_pass=self.images_per_pass
        ).plain


class Method(ABC):
    """A way to attribute an output to the neurons of the attacked layer."""

    @property
    @abstractmethod
    def gradient_evaluations(self) -> int:
        """The number of gradients taken per image and baseline."""

    @abstractmethod
    def attribute(self, context: AttributionContext) -> Tensor:
        """Return one attribution per neuron and image, of the attacked layer's shape (B, ...)."""
