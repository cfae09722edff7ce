"""Numbers from a configuration: how they may be written, and what is refused."""

import math
from fractions import Fraction
from numbers import Integral

# Numbers of so many characters are as short as a fraction.
_SHORT = 7
# Bytes of a name: file systems take 255, and a digest and a suffix follow.
_LONGEST = 200


def parse_number(key: str, value: float | str, least: float | None = None) -> float:
    """Return a number that may be written as a fraction.

    Args:
        key: The configuration key, for messages.
        value: A number, or a text such as "16/255".
        least: The least finite number that is accepted; None accepts all.

    Raises:
        ValueError: The value is no number, or is less than `least` or not finite; the message quotes it as it was
            written.

    Example:
        >>> parse_number("eps", "51/255")
        0.2
    """
    numerator, slash, denominator = str(value).partition("/")
    try:
        result = float(numerator) / (float(denominator) if slash else 1.0)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{key} must be a number or a fraction such as 16/255, got {value!r}") from None
    if least is not None and not least <= result < math.inf:
        raise ValueError(f"{key} must be at least {least}, got {value}")
    return result


def written_number(value: float) -> float | str:
    """Return a number as a short fraction, where there is one that `parse_number` reads back exactly.

    Args:
        value: The number.

    Example:
        >>> written_number(16 / 255), written_number(1.6 / 255), written_number(331 / 299), written_number(0.2)
        ('16/255', '1.6/255', '331/299', 0.2)
    """
    if not math.isfinite(value) or len(repr(value)) <= _SHORT:
        return value
    fraction = Fraction(value).limit_denominator(1000)
    for text in (f"{value * 255:.5g}/255", f"{fraction.numerator}/{fraction.denominator}"):
        if parse_number("number", text) == value:
            return text
    return value


def check_at_least(key: str, value: float, least: float) -> None:
    """Check a number.

    Raises:
        ValueError: The number is less than `least`, or not finite; the message names the key.

    Example:
        >>> check_at_least("steps", 0, 1)
        Traceback (most recent call last):
        ...
        ValueError: steps must be at least 1, got 0
    """
    if isinstance(value, bool) or not least <= value < math.inf:
        raise ValueError(f"{key} must be at least {least}, got {value}")


def check_count(key: str, value: object, least: int) -> None:
    """Check that a value is an integer of some size.

    Raises:
        ValueError: The value is no integer, which true and false are neither, or is less than `least`; the message
            names the key.

    Example:
        >>> check_count("batch_size", 1.5, 1)
        Traceback (most recent call last):
        ...
        ValueError: batch_size must be an integer of at least 1, got 1.5
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{key} must be an integer of at least {least}, got {value!r}")


def check_file_name(key: str, name: str) -> None:
    """Check a name that files and folders get.

    Raises:
        ValueError: It is empty, too long or hidden, leads to another folder or cannot be printed.

    Example:
        >>> check_file_name("name", "../mine")
        Traceback (most recent call last):
        ...
        ValueError: name must be a plain name, without slashes and no dot before it, got '../mine'
    """
    if not name.strip():
        raise ValueError(f"{key} must not be empty")
    if name.startswith(".") or {"/", "\\"} & set(name):
        raise ValueError(f"{key} must be a plain name, without slashes and no dot before it, got {name!r}")
    if not name.isprintable():
        raise ValueError(f"{key} must be printable, got {name!r}")
    if len(name.encode()) > _LONGEST:
        raise ValueError(f"{key} must be at most {_LONGEST} bytes long, got {len(name.encode())}: {name[:20]}...")
