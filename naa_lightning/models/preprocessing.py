"""What numbers say which images a network expects."""

import math
from collections.abc import Iterable, Sequence


def check_preprocessing(
    mean: Sequence[float] | None, std: Sequence[float] | None, input_size: Sequence[int] | None
) -> None:
    """Check what is known of a network's images.

    Args:
        mean: The mean per channel, of three channels or of one.
        std: The standard deviation per channel.
        input_size: The height and width in pixels.

    Raises:
        ValueError: A value is of another length, not finite or out of range.

    Example:
        >>> check_preprocessing([0.5, 0.5, 0.5], [1, 0, 1], None)
        Traceback (most recent call last):
        ...
        ValueError: std must be positive, got [1, 0, 1]
    """
    for key, value in (("mean", mean), ("std", std)):
        check_numbers(key, value, 3, 1)
    check_numbers("input_size", input_size, 2)
    if mean is not None and std is not None and len(mean) != len(std):
        raise ValueError(f"mean and std must be of as many channels, got {list(mean)} and {list(std)}")
    for key, positive in (("std", std), ("input_size", input_size)):
        if positive is not None and min(positive) <= 0:
            raise ValueError(f"{key} must be positive, got {list(positive)}")


def check_numbers(key: str, value: Sequence[float] | None, *lengths: int) -> None:
    """Check that a value, if there is one, holds as many finite numbers as it must.

    Raises:
        ValueError: It does not.
    """
    numbers = list(value) if isinstance(value, Iterable) else value
    if value is not None and not (isinstance(numbers, list) and len(numbers) in lengths and all(map(_finite, numbers))):
        raise ValueError(f"{key} must hold {' or '.join(map(str, lengths))} numbers, got {numbers!r}")


def _finite(number: object) -> bool:
    try:
        return math.isfinite(float(number))  # type: ignore[arg-type] # what is no number is refused
    except (TypeError, ValueError):
        return False
