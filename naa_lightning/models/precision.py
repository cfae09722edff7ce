"""Computing in another precision."""

from contextlib import AbstractContextManager, nullcontext

import torch

from naa_lightning.exceptions import ModelError


def autocast_to(dtype: torch.dtype | None, device: torch.device) -> AbstractContextManager[object]:
    """Return a context in which autocast computes in a type on a device; None: as it does around.

    Example:
        >>> with autocast_to(torch.bfloat16, torch.device("cpu")):
        ...     (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
        torch.bfloat16
    """
    return nullcontext() if dtype is None else torch.autocast(device.type, dtype)


def check_precision(precision: str) -> None:
    """Refuse a precision of Lightning's trainer in which images do not keep their 8 bits.

    Raises:
        ModelError: It is true half precision.

    Example:
        >>> check_precision("bf16-true")
        Traceback (most recent call last):
        ...
        naa_lightning.exceptions.ModelError: `precision=bf16-true` would round the images themselves, by as much as \
attacks change them: use `precision=bf16-mixed`
    """
    if precision in {"16-true", "bf16-true"}:
        raise ModelError(
            f"`precision={precision}` would round the images themselves, by as much as attacks change them: use "
            f"`precision={precision.removesuffix('-true')}-mixed`"
        )
