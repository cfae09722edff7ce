"""The integration path of NAA."""

from collections.abc import Iterator

from torch import Tensor

from naa_lightning.draws import Draws


def path_points(images: Tensor, points: int, noise: float, draws: Draws) -> Iterator[Tensor]:
    """Yield the points from the image towards black on which NAA takes gradients.

    x_l = (x + noise n_l) (1 - l / N) for l = 0 ... N - 1, n_l standard normal and fresh at every point: equation 5 of
    the paper read from the image's end, with the noise of the authors' release.

    Args:
        images: x, (B, 3, H, W) in [0, 1].
        points: N.
        noise: Standard deviation of the noise; 0 draws none.
        draws: Gives n_l.

    Example:
        >>> import torch
        >>> from naa_lightning.draws import SeededDraws
        >>> images = torch.ones(1, 3, 2, 2)
        >>> [float(x.mean()) for x in path_points(images, 4, 0.0, SeededDraws(0, ids=[0]))]
        [1.0, 0.75, 0.5, 0.25]
    """
    for index in range(points):
        noisy = images + noise * draws.normal("naa/noise", index, images) if noise else images
        yield noisy * (1 - index / points)
