"""Whether two attacks differ on the same images."""

from collections.abc import Sequence

from scipy.stats import binomtest


def mcnemar(better: int, worse: int) -> float:
    """Return the p-value of McNemar's exact two-sided test (McNemar, Psychometrika 1947).

    Where two attacks do equally well, an image on which they disagree falls to either with probability 1/2. Images on
    which they agree tell nothing.

    Args:
        better: The number of images on which the first attack does better.
        worse: The number of images on which it does worse.

    Raises:
        ValueError: A count is negative.

    Example:
        >>> mcnemar(5, 0), mcnemar(3, 3), mcnemar(0, 0)
        (0.0625, 1.0, 1.0)
    """
    if min(better, worse) < 0:
        raise ValueError(f"counts must be at least 0, got {better} and {worse}")
    return float(binomtest(better, better + worse).pvalue) if better + worse else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values of several tests so that below 0.05 even one false alarm is rare (Holm, Scand. J. Stat. 1979).

    The smallest of n is multiplied by n, the next by n - 1, and so on; none becomes smaller than one before it.

    Args:
        p_values: P-values in [0, 1], in any order.

    Returns:
        Adjusted p-values in the order given, at most 1.

    Example:
        >>> holm([0.02, 0.25, 0.0625])
        [0.06, 0.25, 0.125]
    """
    adjusted = [0.0] * len(p_values)
    least = 0.0
    for passed, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        least = max(least, min(1.0, (len(p_values) - passed) * p_values[place]))
        adjusted[place] = least
    return adjusted
