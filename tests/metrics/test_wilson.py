import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from naa_lightning.metrics import Rate, pooled

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


@pytest.mark.parametrize("draws", [1, 2, 5])
@pytest.mark.parametrize(("count", "total"), GRID)
def test_an_image_counted_in_every_draw_counts_once_for_the_interval(count: int, total: int, draws: int) -> None:
    several = pooled([Rate(count, total)] * draws)
    assert (several.count, several.total) == (draws * count, draws * total)
    assert several.value == pytest.approx(count / total)
    assert several.interval == pytest.approx(Rate(count, total).interval, abs=1e-12)


@settings(deadline=None)
@given(parts=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=5))
def test_pooled_draws_are_their_mean_and_narrow_nothing(parts: list[tuple[int, int]]) -> None:
    draws = [Rate(count, count + others) for count, others in parts]
    rate = pooled(draws)
    assert rate == Rate(sum(count for count, _ in parts), sum(map(sum, parts)), draws=len(parts))
    if rate.total:
        once = rate.total / len(parts)
        low, high = rate.interval
        assert 0 <= low <= rate.value + 1e-15
        assert rate.value - 1e-15 <= high <= 1
        # Of either bound, the share counted is as far away as 95 % of all shares counted in so many images.
        for bound in (low, high):
            deviation = abs(rate.value - bound)
            assert deviation == pytest.approx(1.959963984540054 * math.sqrt(bound * (1 - bound) / once), abs=1e-7)
    else:
        assert all(math.isnan(value) for value in (rate.value, *rate.interval))
