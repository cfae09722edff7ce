"""Which images decide between two rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naa_lightning.report.sweep.outcomes import Outcomes
from naa_lightning.report.sweep.paired import DiscordantPairs, compare

NO = float("nan")
hits = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30)


def outcomes(*images: float | list[float], first: int = 0, label: int = 3) -> Outcomes:
    drawn = [image if isinstance(image, list) else [image] for image in images]
    ids = np.arange(first, first + len(images))
    return Outcomes(ids, np.full(len(images), label), np.array(drawn, dtype=np.float64))


def of_one(one: Outcomes, other: Outcomes) -> DiscordantPairs | None:
    return compare({1: {"t": one}}, {1: {"t": other}}, ["t"])


@given(hits)
def test_with_one_seed_and_one_draw_the_disagreements_are_counted(found: list[tuple[bool, bool]]) -> None:
    pairs = of_one(outcomes(*(a for a, _ in found)), outcomes(*(b for _, b in found)))
    assert pairs == DiscordantPairs(sum(a and not b for a, b in found), sum(b and not a for a, b in found))


def test_p_is_that_of_the_exact_test() -> None:
    assert DiscordantPairs(8, 1).p == pytest.approx(2 * (1 + 9) / 2**9)
    assert DiscordantPairs(0, 0).p == 1


def test_an_image_that_does_not_count_in_either_is_left_out() -> None:
    assert of_one(outcomes(1, NO, 1, 0), outcomes(0, 0, NO, 1)) == DiscordantPairs(1, 1)
    assert of_one(outcomes(NO), outcomes(NO)) == DiscordantPairs(0, 0)


def test_draws_are_averaged_and_only_pairs_of_them_count() -> None:
    # 1 of 3 against 2 of 3; 1 of 1 against 0 of 1, the other draws counting in one row only; as often
    ours = outcomes([1, 0, 0], [NO, 1, 1], [1, 0, 0])
    theirs = outcomes([1, 1, 0], [1, 0, NO], [0, 0, 1])
    assert of_one(ours, theirs) == DiscordantPairs(1, 1)


def test_only_draws_that_both_have_count() -> None:
    assert of_one(outcomes([0, 1, 1]), outcomes([1])) == DiscordantPairs(0, 1)


def test_seeds_are_averaged_and_only_shared_ones_count() -> None:
    ours = {1: {"t": outcomes(1, 1)}, 2: {"t": outcomes(0, 1)}, 3: {"t": outcomes(1, 1)}}
    theirs = {1: {"t": outcomes(0, 0)}, 2: {"t": outcomes(1, 1)}, 4: {"t": outcomes(0, 0)}}
    assert compare(ours, theirs, ["t"]) == DiscordantPairs(1, 0)


def test_a_mean_is_over_the_targets_on_which_an_image_counts() -> None:
    ours = {1: {"a": outcomes(1, 1, 1), "b": outcomes(0, NO, 0), "c": outcomes(1, 0, 0)}}
    theirs = {1: {"a": outcomes(0, 0, 0), "b": outcomes(1, 1, 1), "c": outcomes(0, 0, 1)}}
    assert compare(ours, theirs, ["a", "b", "c"]) == DiscordantPairs(2, 1)
    assert compare(ours, theirs, ["a", "b"]) == DiscordantPairs(1, 0)
    assert compare(ours, theirs, ["a", "missing"]) == DiscordantPairs(3, 0)


def test_what_rounding_leaves_is_no_difference() -> None:
    # a fifth more on three targets and three fifths less on a fourth: 0.2 + 0.2 + 0.2 - 0.6 is 1e-16
    never, once, thrice = outcomes([0] * 5), outcomes([1, 0, 0, 0, 0]), outcomes([1, 1, 1, 0, 0])
    ours = {1: {"a": once, "b": once, "c": once, "d": never}}
    theirs = {1: {"a": never, "b": never, "c": never, "d": thrice}}
    assert compare(ours, theirs, ["a", "b", "c", "d"]) == DiscordantPairs(0, 0)


@pytest.mark.parametrize("other", [outcomes(0, first=1), outcomes(0, label=4), outcomes(0, 0)])
def test_other_images_or_labels_cannot_be_paired(other: Outcomes) -> None:
    assert of_one(outcomes(1), other) is None


def test_rows_that_share_nothing_cannot_be_paired() -> None:
    one = {1: {"t": outcomes(1)}}
    assert compare(one, {2: {"t": outcomes(0)}}, ["t"]) is None
    assert compare(one, one, ["u"]) is None
    assert compare(one, {1: {}}, ["t"]) is None
