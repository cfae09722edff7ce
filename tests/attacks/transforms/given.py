"""Draws and images that tests of transforms share."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from naa_lightning.attacks import (
    SeededDraws,
)

Array = NDArray[np.float64]

POOL = [torch.rand(3, side, 9, generator=torch.Generator().manual_seed(side)) for side in range(6, 40)]
DRAWS = SeededDraws(0, [0, 1, 2], POOL)


@dataclass(frozen=True)
class GivenDraws:
    """Gives the same uniform numbers, by purpose, whatever the index; and no other_images."""

    uniforms: Mapping[str, Tensor]
    normals: Mapping[str, Tensor] = field(default_factory=dict)

    def normal(self, purpose: str, index: int, like: Tensor) -> Tensor:
        return self.normals[purpose].to(like).view_as(like)

    def uniform(self, purpose: str, index: int, like: Tensor) -> Tensor:
        return self.uniforms[purpose].to(like).view_as(like)

    def other_images(self, purpose: str, index: int, like: Tensor) -> Tensor:
        raise AssertionError("these draws have no pool")


def random_images(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
