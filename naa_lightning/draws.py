"""Random draws that belong to an image, not to a batch."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Draws(Protocol):
    """Where an attack takes its random numbers from."""

    def normal(self, purpose: str, index: int, like: Tensor) -> Tensor:
        """Return standard normal numbers.

        Args:
            purpose: What they are for, for example "naa/noise".
            index: Which of several draws for that purpose.
            like: (B, ...); shape, dtype and device of the result.
        """
        ...


@dataclass(frozen=True)
class SeededDraws:
    """Draws that depend on (seed, image id, purpose, index) alone, one after another for each image.

    An image therefore gets the same numbers in any batch, order, process or restart, on the same kind of device.

    Args:
        seed: Of the run.
        ids: Of the batch's images, in order.

    Example:
        >>> images = torch.empty(2, 3, 4, 4)
        >>> both = SeededDraws(0, [7, 8]).normal("noise", 0, images)
        >>> alone = SeededDraws(0, [8]).normal("noise", 0, images[:1])
        >>> torch.equal(both[1], alone[0])
        True
    """

    seed: int
    ids: Sequence[int]

    def normal(self, purpose: str, index: int, like: Tensor) -> Tensor:
        """Return standard normal numbers shaped like (B, ...) `like`."""
        if len(self.ids) != len(like):
            raise ValueError(f"expected one image per id ({len(self.ids)}), got {len(like)}")
        return torch.stack(
            [
                torch.randn(
                    like.shape[1:],
                    generator=self._generator(image, purpose, index, like.device),
                    dtype=like.dtype,
                    device=like.device,
                )
                for image in self.ids
            ]
        )

    def _generator(self, image: int, purpose: str, index: int, device: torch.device) -> torch.Generator:
        key = f"{self.seed}/{image}/{purpose}/{index}".encode()
        digest = hashlib.blake2b(key, digest_size=8).digest()
        return torch.Generator(device).manual_seed(int.from_bytes(digest, "big", signed=True))
