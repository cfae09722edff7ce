"""Draws, images and models that tests of defences share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from naa_lightning.models.predicted_classes import PredictedClasses, predicted_classes
from naa_lightning.rng import SeededDraws

DRAWS = SeededDraws(0, [0, 1, 2])


@dataclass(frozen=True)
class GivenDraws:
    """Gives the same uniform numbers, by purpose, whatever the index; and nothing else."""

    uniforms: Mapping[str, Sequence[Sequence[float]]]

    def normal(self, purpose: str, index: int, like: Tensor) -> Tensor:
        raise AssertionError("these draws are uniform")

    def uniform(self, purpose: str, index: int, like: Tensor) -> Tensor:
        return torch.tensor(self.uniforms[purpose]).to(like).view_as(like)

    def other_images(self, purpose: str, index: int, like: Tensor) -> Tensor:
        raise AssertionError("these draws have no pool")


@dataclass
class Colours:
    """A model that names the brightest colour, and notes what it was shown."""

    shown: list[Tensor] = field(default_factory=list)
    indices: list[int] = field(default_factory=list)

    def __call__(self, images: Tensor, index: int) -> PredictedClasses:
        self.shown.append(images)
        self.indices.append(index)
        return predicted_classes(20 * images.mean((2, 3)))


def count_different(images: Sequence[Tensor]) -> int:
    """How many of the images differ from all before them."""
    return len({image.numpy().tobytes() for image in images})


def eight_bit_images(*shape: int, seed: int = 0) -> Tensor:
    """Blocks of 8 x 8 have a smooth part and noise, so that every frequency is there."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((*shape[:2], 4, 4), generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=shape[2:], mode="bilinear")
    noisy = smooth + 0.1 * torch.randn(shape, generator=generator)
    return (noisy.clamp(0, 1) * 255).round() / 255
