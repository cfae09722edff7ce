"""Random draws that belong to an image, not to a batch."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F


class Draws(Protocol):
    """A source of random numbers.

    In all methods `purpose` says what a draw is for, for example "naa/noise", and `index` which of several it is.
    """

    def normal(self, purpose: str, index: int, like: Tensor) -> Tensor:
        """Return standard normal numbers, with shape (B, ...), dtype and device of `like`."""
        ...

    def uniform(self, purpose: str, index: int, like: Tensor) -> Tensor:
        """Return numbers uniform in [0, 1), with shape (B, ...), dtype and device of `like`."""
        ...

    def other_images(self, purpose: str, index: int, like: Tensor) -> Tensor:
        """Return a clean image for each one, perhaps itself, with shape (B, 3, H, W), dtype and device of `like`."""
        ...


@dataclass(frozen=True)
class SeededDraws:
    """Draws that depend on (seed, image id, purpose, index) alone, one after another for each image.

    An image therefore gets the same numbers in any batch, order, process or restart, on the same kind of device.

    Args:
        seed: The seed of the run.
        ids: The ids of the batch's images, in order.
        pool: Clean images of shape (3, h, w) in [0, 1], of any size, that other images are drawn from.

    Example:
        >>> images = torch.empty(2, 3, 4, 4)
        >>> both = SeededDraws(0, [7, 8]).normal("noise", 0, images)
        >>> alone = SeededDraws(0, [8]).normal("noise", 0, images[:1])
        >>> torch.equal(both[1], alone[0])
        True
    """

    seed: int
    ids: Sequence[int]
    pool: Sequence[Tensor] = ()

    def normal(self, purpose: str, index: int, like: Tensor) -> Tensor:
        """Return standard normal numbers shaped like (B, ...) `like`."""
        return self._each(torch.randn, purpose, index, like)

    def uniform(self, purpose: str, index: int, like: Tensor) -> Tensor:
        """Return numbers uniform in [0, 1) shaped like (B, ...) `like`."""
        return self._each(torch.rand, purpose, index, like)

    def other_images(self, purpose: str, index: int, like: Tensor) -> Tensor:
        """Return images of the pool, brought to the size of (B, 3, H, W) `like`.

        Raises:
            ValueError: There is no pool.
        """
        if not self.pool:
            raise ValueError("the attack mixes images: give SeededDraws a pool of clean images")
        picks = (self.uniform(purpose, index, like.new_empty(len(like))) * len(self.pool)).long().tolist()
        return torch.stack([_fitted(self.pool[pick].to(like), like.shape[-2:]) for pick in picks])

    def _each(self, draw: Callable[..., Tensor], purpose: str, index: int, like: Tensor) -> Tensor:
        if len(self.ids) != len(like):
            raise ValueError(f"expected one image per id ({len(self.ids)}), got {len(like)}")
        options = {"dtype": like.dtype, "device": like.device}
        return torch.stack(
            [
                draw(like.shape[1:], generator=self._generator(image, purpose, index, like.device), **options)
                for image in self.ids
            ]
        )

    def _generator(self, image: int, purpose: str, index: int, device: torch.device) -> torch.Generator:
        key = f"{self.seed}/{image}/{purpose}/{index}".encode()
        digest = hashlib.blake2b(key, digest_size=8).digest()
        return torch.Generator(device).manual_seed(int.from_bytes(digest, "big", signed=True))


@dataclass(frozen=True)
class ScopedDraws:
    """The draws of one of several parts, so that parts of one kind get different numbers.

    Args:
        draws: The draws of all parts.
        scope: The name of the part.
    """

    draws: Draws
    scope: str

    def normal(self, purpose: str, index: int, like: Tensor) -> Tensor:
        """Return the part's own numbers."""
        return self.draws.normal(f"{self.scope}/{purpose}", index, like)

    def uniform(self, purpose: str, index: int, like: Tensor) -> Tensor:
        """Return the part's own numbers."""
        return self.draws.uniform(f"{self.scope}/{purpose}", index, like)

    def other_images(self, purpose: str, index: int, like: Tensor) -> Tensor:
        """Return the part's own images."""
        return self.draws.other_images(f"{self.scope}/{purpose}", index, like)


def _fitted(image: Tensor, size: torch.Size) -> Tensor:
    if image.shape[-2:] == size:
        return image
    return F.interpolate(image[None], size=tuple(size), mode="bilinear", align_corners=False)[0]
