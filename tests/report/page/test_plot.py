"""Where values are on the axes of a plot."""

import math

import pytest

from naa_lightning.report.page.plot import Axis, Point, linear_axis, log_axis, share_axis, shifts


@pytest.mark.parametrize(
    ("values", "marks"),
    [
        ([0.71, 0.83], ["70", "80", "90"]),
        ([0.0, 1.0], ["0", "20", "40", "60", "80", "100"]),
        ([0.15, 0.79], ["0", "20", "40", "60", "80"]),
        ([math.nan, 0.5], ["40", "50", "60"]),
        ([], ["0", "20", "40", "60", "80", "100"]),
    ],
)
def test_shares_have_whole_tens_around_them(values: list[float], marks: list[str]) -> None:
    axis = share_axis("", values)
    assert [text for _, text in axis.marks] == marks
    assert (axis.low, axis.high) == (float(marks[0]) / 100, float(marks[-1]) / 100)


@pytest.mark.parametrize(
    ("values", "marks"),
    [
        ([1, 40], ["1", "2", "5", "10", "20", "50"]),
        ([0.003, 900], ["0.01", "0.1", "1", "10", "100", "1000"]),
        ([30, 30], ["30"]),
        ([1e-7, 2e-7], ["1e-07", "2e-07"]),
    ],
)
def test_logarithmic_axes_are_marked_at_round_numbers(values: list[float], marks: list[str]) -> None:
    assert [text for _, text in log_axis("", values).marks] == marks


def test_a_logarithmic_axis_gives_equal_ratios_equal_room() -> None:
    axis = log_axis("", [1, 100])
    assert axis.place(10) == pytest.approx((axis.place(1) + axis.place(100)) / 2)
    assert 0 < axis.place(1) < axis.place(100) < 100


@pytest.mark.parametrize(
    ("values", "marks"),
    [
        ([0, 1.88], ["0", "0.5", "1", "1.5"]),
        ([8, 30], ["10", "20", "30"]),
        ([0.0, 0.24], ["0", "0.1", "0.2"]),
        ([-1, 1], ["-1", "0", "1"]),
        ([0.25, 0.25], ["0.25"]),
    ],
)
def test_numbers_are_marked_at_round_ones(values: list[float], marks: list[str]) -> None:
    axis = linear_axis("", values)
    assert [text for _, text in axis.marks] == marks
    assert all(0 < axis.place(value) < 100 for value in values)


def test_points_that_would_hide_each_other_stand_side_by_side() -> None:
    x, y = Axis("", 0, 100, []), Axis("", 0, 1, [])
    apart = [Point(10, 0.2, "a"), Point(10, 0.9, "b"), Point(90, 0.2, "c")]
    assert shifts(apart, x, y) == [0, 0, 0]
    assert shifts([*apart, Point(10, 0.201, "d")], x, y) == [0, 0, 0, -9]
    intervals = [Point(10, place, "", 0, 1) for place in (0.1, 0.5, 0.9)]
    assert shifts(intervals, x, y) == [0, -9, 9]
    many = shifts([Point(10, 0.5, "", 0, 1)] * 40, x, y)
    assert len(set(many)) == 40
    assert max(map(abs, many)) <= 20
