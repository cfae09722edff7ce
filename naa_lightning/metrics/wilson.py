"""Confidence intervals of rates."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

Z_95 = 1.959963984540054


@dataclass
class Rate:
    """A share of `count` in `total`, with its 95 % Wilson score interval (Wilson, 1927); all NaN for no total.

    Args:
        count: The number of images that count.
        total: The number of images among which they are.
        draws: The number of times that each image was counted, each with other random numbers. The interval is that of
            counting it once: images are the sample.
    """

    count: int
    total: int
    draws: int = 1

    @property
    def value(self) -> float:
        """The share itself."""
        return self.count / self.total if self.total else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper bound.

        Example:
            >>> low, high = Rate(8, 10).interval
            >>> f"{low:.3f} {high:.3f}"
            '0.490 0.943'
        """
        if not self.total:
            return math.nan, math.nan
        share, n, z2 = self.value, self.total / self.draws, Z_95**2
        centre = (share + z2 / (2 * n)) / (1 + z2 / n)
        margin = Z_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
        return max(0.0, centre - margin), min(1.0, centre + margin)


def pooled(rates: Sequence[Rate]) -> Rate:
    """Join the rates of several random draws over the same images.

    Example:
        >>> pooled([Rate(8, 10), Rate(7, 10)])
        Rate(count=15, total=20, draws=2)
    """
    return Rate(sum(rate.count for rate in rates), sum(rate.total for rate in rates), draws=len(rates))
