import math

import pytest
from scipy.stats import binomtest

from naa_lightning.metrics import Rate

GRID = [(count, total) for total in (1, 2, 7, 100, 360, 1000) for count in {0, 1, total // 3, total - 1, total}]


@pytest.mark.parametrize(("count", "total"), GRID)
def test_interval_is_scipys_wilson(count: int, total: int) -> None:
    expected = binomtest(count, total).proportion_ci(confidence_level=0.95, method="wilson")
    assert Rate(count, total).interval == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(("count", "total"), GRID)
def test_interval_holds_the_share_within_0_and_1(count: int, total: int) -> None:
    rate = Rate(count, total)
    low, high = rate.interval
    assert rate.value == count / total
    assert 0 <= low <= rate.value + 1e-15
    assert rate.value - 1e-15 <= high <= 1


def test_no_total_is_nan() -> None:
    assert all(math.isnan(value) for value in (Rate(0, 0).value, *Rate(0, 0).interval))
