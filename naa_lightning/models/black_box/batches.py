"""Batches of the type and the sizes that a network takes."""

from collections.abc import Callable

import torch
from torch import Tensor


def of_type(values: Tensor, element: torch.dtype) -> Tensor:
    """Return numbers as another type; for bytes they are rounded and cut to 0 to 255."""
    return (values.round().clamp(0, 255) if element == torch.uint8 else values).to(element)


def in_batches(ask: Callable[[Tensor], Tensor], values: Tensor, least: int, most: int | None) -> Tensor:
    """Ask a network that takes batches of some sizes only.

    Args:
        ask: The network: (N, ...) in, (N, ...) out.
        values: The batch (B, ...).
        least: The smallest N, met by repeating the last image.
        most: The largest N, met by asking several times; None for no such limit.

    Returns:
        The answers (B, ...).

    Example:
        >>> in_batches(lambda batch: batch * len(batch), torch.arange(3), least=2, most=2)
        tensor([0, 2, 4])
    """
    answers = []
    for part in torch.split(values, most or max(len(values), 1)):
        missing = max(least - len(part), 0)
        padded = torch.cat([part, part[-1:].repeat_interleave(missing, dim=0)]) if missing else part
        answers.append(ask(padded)[: len(part)])
    return torch.cat(answers)
