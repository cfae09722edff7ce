"""Where an image is cut into blocks."""

from torch import Tensor


def edges_of_random_lengths(side: int, uniform: Tensor) -> list[int]:
    """Cut a side into lengths in proportion to random numbers.

    Args:
        side: The length of the side in pixels.
        uniform: One number in [0, 1) per block.

    Returns:
        The edges, from 0 to `side`; a block may be empty.

    Example:
        >>> import torch
        >>> edges_of_random_lengths(10, torch.tensor([0.2, 0.3]))
        [0, 4, 10]
    """
    ends = (uniform.double() + 1e-12).cumsum(0)
    return [0, *(ends / ends[-1] * side).round().long().tolist()]


def edges_at_random_places(side: int, blocks: int, uniform: Tensor) -> list[int]:
    """Cut a side at distinct random places.

    Args:
        side: The length of the side in pixels.
        blocks: The wanted number of blocks; a short side gets fewer.
        uniform: A number in [0, 1) for every place inside, (side - 1,): the smallest are cut.

    Returns:
        The edges, from 0 to `side`; no block is empty.

    Example:
        >>> import torch
        >>> edges_at_random_places(5, 3, torch.tensor([0.7, 0.1, 0.9, 0.2]))
        [0, 2, 4, 5]
    """
    places = uniform.argsort()[: blocks - 1] + 1
    return [0, *sorted(places.tolist()), side]
