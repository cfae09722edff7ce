"""Computing in another precision."""

from contextlib import AbstractContextManager, nullcontext

import torch


def autocast_to(dtype: torch.dtype | None, device: torch.device) -> AbstractContextManager[object]:
    """Return a context in which autocast computes in a type on a device; None: as it does around.

    Example:
        >>> with autocast_to(torch.bfloat16, torch.device("cpu")):
        ...     (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
        torch.bfloat16
    """
    return nullcontext() if dtype is None else torch.autocast(device.type, dtype)
