"""Batches of the type and the sizes that a network takes."""

from collections.abc import Callable

import torch
from torch import Tensor


def of_type(values: Tensor, element: torch.dtype) -> Tensor:
    """Return numbers as another type; for bytes they are rounded and cut to 0 to 255."""
    return (values.round().clamp(0, 255) if element == torch.uint8 else values).to(element)


def in_batches(ask: Callable[..., Tensor], *values: Tensor, least: int, most: int | None) -> Tensor:
    """Ask a network that takes batches of some sizes only; gradients flow through.

    Args:
        ask: The network: (N, ...) in, of each of the values, (N, ...) out.
        *values: The batches (B, ...), all of one length.
        least: The smallest N, met by repeating the last image.
        most: The largest N, met by asking several times; None for no such limit.

    Returns:
        The answers (B, ...).

    Example:
        >>> in_batches(lambda batch: batch * len(batch), torch.arange(3), least=2, most=2)
        tensor([0, 2, 4])
    """
    size = len(values[0])
    if least <= size <= (most or size):
        return ask(*values)
    answers = []
    for parts in zip(*(torch.split(batch, most or max(size, 1)) for batch in values), strict=True):
        missing = max(least - len(parts[0]), 0)
        answers.append(ask(*(_padded(part, missing) for part in parts))[: len(parts[0])])
    return torch.cat(answers)


def batch_sizes(told: tuple[int, int | None], batch_size: int | None) -> tuple[int, int | None]:
    """Return the smallest and the largest number of images that a network takes at once.

    Args:
        told: The numbers that its file tells; None for no limit.
        batch_size: The only number that it takes, as its user says; None where nothing is said.

    Raises:
        ValueError: They contradict each other.

    Example:
        >>> batch_sizes((1, None), 4), batch_sizes((2, 8), None)
        ((4, 4), (2, 8))
    """
    if batch_size is None:
        return told
    least, most = told
    if not least <= batch_size <= (most or batch_size):
        takes = f"{least}" if most == least else f"at least {least}" if most is None else f"{least} to {most}"
        raise ValueError(f"it takes {takes} images at once, not `batch_size={batch_size}`; leave that out")
    return batch_size, batch_size


def _padded(values: Tensor, missing: int) -> Tensor:
    return torch.cat([values, values[-1:].expand(missing, *values.shape[1:])]) if missing else values
