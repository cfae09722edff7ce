"""What all attribution methods answer, and how they are asked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from naa_lightning.attribution.aggregate import average_gradient
from naa_lightning.attribution.output import Output
from naa_lightning.attribution.passes import in_passes
from naa_lightning.models import Classifier
from naa_lightning.rng import Draws


@dataclass(frozen=True)
class Question:
    """How much does each neuron of the attacked layer contribute to F(x) - F(x')?

    Args:
        surrogate: With one attacked layer.
        images: x, (B, 3, H, W) in [0, 1].
        baseline: x', as the images.
        classes: Whose output F is, (B,).
        output: F.
        draws: Where random numbers come from.
        path_batch_size: Images per pass through the surrogate; None: all images at one point of the path.
    """

    surrogate: Classifier
    images: Tensor
    baseline: Tensor
    classes: Tensor
    output: Output
    draws: Draws
    path_batch_size: int | None = None

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        """Return the attacked layer's output for images (B, 3, H, W), in passes."""
        parts = in_passes([[images]], self.path_batch_size)
        return torch.cat([self.surrogate.features(part.columns[0]) for part in parts])

    @torch.no_grad()
    def outputs(self, images: Tensor) -> Tensor:
        """Return F (B,) of images (B, 3, H, W), in passes."""
        parts = in_passes([[images]], self.path_batch_size)
        return torch.cat([self.output(self.surrogate(part.columns[0]), part.of_images(self.classes)) for part in parts])

    def gradient(self, inputs: Iterable[Tensor], weights: Sequence[float]) -> Tensor:
        """Return F's gradient at the attacked layer averaged over inputs, each (B, 3, H, W); see `average_gradient`."""
        return average_gradient(
            self.surrogate,
            inputs,
            self.classes,
            self.output,
            weights=weights,
            path_batch_size=self.path_batch_size,
        )


@runtime_checkable
class Method(Protocol):
    """A way to attribute an output to the neurons of the attacked layer."""

    @property
    def gradient_evaluations(self) -> int:
        """Gradients taken per image and baseline."""
        ...

    def attribute(self, question: Question) -> Tensor:
        """Return one attribution per neuron and image, as the attacked layer's output."""
        ...
