"""The integration path: a straight line from a baseline to the image."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from naa_lightning.attribution.quadrature import Quadrature, quadrature
from naa_lightning.rng import Draws
from naa_lightning.validation import check_at_least


class PathPoint(NamedTuple):
    """A point of the path.

    Args:
        images: Images of shape (B, 3, H, W).
        direction: The path's end minus its start, of the same shape.
    """

    images: Tensor
    direction: Tensor


@dataclass(frozen=True, kw_only=True)
class Path:
    """Points of the straight line from a baseline x' to the image x.

    x_l = x' + t_l (x + noise n_l - x'), n_l standard normal. The default is equation 5 of the paper with the noise of
    the authors' release.

    Args:
        rule: The name of the rule; see `quadrature`.
        points: The number N of points.
        noise: The standard deviation of the noise, images being in [0, 1]; 0 draws none.
        antithetic: Whether points come in pairs whose noise differs in sign only, so that it cancels to first order;
            otherwise every point has its own.

    Raises:
        ValueError: A value is out of range.

    Example:
        >>> import torch
        >>> from naa_lightning.rng import SeededDraws
        >>> images, draws = torch.ones(1, 3, 2, 2), SeededDraws(0, ids=[0])
        >>> path = Path(points=4, noise=0.0)
        >>> [float(point.images.mean()) for point in path.walk(images, torch.zeros_like(images), draws)]
        [1.0, 0.75, 0.5, 0.25]
    """

    rule: str = "release"
    points: int = 30
    noise: float = 0.1
    antithetic: bool = False

    def __post_init__(self) -> None:
        check_at_least("noise", self.noise, 0)
        quadrature(self.rule, self.points)

    @property
    def quadrature(self) -> Quadrature:
        """The places of the points on the path, and their weights."""
        return quadrature(self.rule, self.points)

    def walk(self, images: Tensor, baseline: Tensor, draws: Draws) -> Iterator[PathPoint]:
        """Yield the points in the rule's order, images and baseline being (B, 3, H, W)."""
        for index, position in enumerate(self.quadrature.positions):
            direction = self._noisy(images, index, draws) - baseline
            yield PathPoint(baseline + position * direction, direction)

    def _noisy(self, images: Tensor, index: int, draws: Draws) -> Tensor:
        if not self.noise:
            return images
        pair, second = divmod(index, 2) if self.antithetic else (index, 0)
        noise = draws.normal("naa/noise", pair, images)
        return images - self.noise * noise if second else images + self.noise * noise
