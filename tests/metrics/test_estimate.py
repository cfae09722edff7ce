"""Intervals of means over targets."""

import math

import pytest
import torch

from naa_lightning.metrics.estimate import Estimate, estimate

RATE = (0.0, 0.0, 1.0, 1.0)
DIFFERENCE = (-1.0, 1.0)


def test_the_interval_of_a_rate_is_that_of_agresti_and_coull() -> None:
    for count, total in ((0, 20), (7, 20), (20, 20)):
        outcomes = torch.tensor([[1.0] * count + [0.0] * (total - count)])
        share = (count + 2) / (total + 4)
        margin = 1.959964 * math.sqrt(share * (1 - share) / (total + 4))
        measured = estimate(outcomes, RATE)
        assert measured is not None
        assert measured.value == count / total
        assert measured.low == pytest.approx(max(0, share - margin))
        assert measured.high == pytest.approx(min(1, share + margin))


def test_the_interval_of_a_difference_is_that_of_bonett_and_price() -> None:
    only_first, only_second, both = 9, 3, 8
    outcomes = torch.tensor([[1.0] * only_first + [-1.0] * only_second + [0.0] * both])
    total = only_first + only_second + both
    first, second = (only_first + 1) / (total + 2), (only_second + 1) / (total + 2)
    margin = 1.959964 * math.sqrt((first + second - (first - second) ** 2) / (total + 2))
    measured = estimate(outcomes, DIFFERENCE)
    assert measured is not None
    assert measured.value == pytest.approx(6 / 20)
    assert (measured.low, measured.high) == pytest.approx((first - second - margin, first - second + margin))


def test_images_that_do_not_count_and_targets_without_any_are_left_out() -> None:
    nothing = math.nan
    known = torch.tensor([[1.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, nothing]])
    measured = estimate(torch.cat([known, torch.full((1, 4), nothing)]), RATE)
    assert measured == estimate(known, RATE)
    assert measured is not None
    assert measured.value == pytest.approx((3 / 4 + 1 / 3) / 2)
    assert estimate(torch.full((2, 4), nothing), RATE) is None


def test_targets_that_fall_together_tell_no_more_than_one() -> None:
    one = (torch.rand(1, 40, generator=torch.Generator().manual_seed(0)) < 0.7).double()
    alone, together = estimate(one, RATE), estimate(one.expand(5, -1), RATE)
    assert alone is not None
    assert together is not None
    assert vars(together) == pytest.approx(vars(alone))


@pytest.mark.parametrize("count_share", [1.0, 0.8])
def test_intervals_cover_the_truth_as_often_as_they_say(count_share: float) -> None:
    """Three targets of which some images fool all alike, as happens; the truth is in 95 % of the intervals."""
    draws = torch.Generator().manual_seed(0)
    images, trials, rates = 80, 1500, torch.tensor([[0.5], [0.7], [0.8]])
    covered = 0
    for _ in range(trials):
        shared, own = torch.rand(1, images, generator=draws), torch.rand(3, images, generator=draws)
        alike = torch.rand(1, images, generator=draws) < 0.6
        outcomes = (torch.where(alike, shared, own) < rates).double()
        outcomes[torch.rand(3, images, generator=draws) > count_share] = math.nan
        measured = estimate(outcomes, RATE)
        assert isinstance(measured, Estimate)
        covered += measured.low <= float(rates.mean()) <= measured.high
    assert 0.935 < covered / trials < 0.97
