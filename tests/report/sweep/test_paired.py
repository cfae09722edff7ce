"""Which images decide between two rows."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naa_lightning.report.sweep.paired import compare, differences

NO = float("nan")
Images = Sequence[float | list[float]]
hits = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30)


def outcomes(
    by_seed: Mapping[int, Mapping[str, Images]], *, first: int = 0, label: int = 3, images: str = ""
) -> pd.DataFrame:
    """A row's outcomes: by seed and target, of each image, or of each draw of it."""
    rows = [
        (seed, images, target, repeat, first + place, label, outcome)
        for seed, targets in by_seed.items()
        for target, of_target in targets.items()
        for place, image in enumerate(of_target)
        for repeat, outcome in enumerate(image if isinstance(image, list) else [image])
    ]
    columns = ["seed", "images", "target", "repeat", "id", "label", "outcome"]
    return pd.DataFrame(rows, columns=columns).astype({"outcome": float})


def compared(one: pd.DataFrame, other: pd.DataFrame, targets: Sequence[str] = ("t",)) -> tuple[int, int] | None:
    """Both ways, which must be two sides of one comparison."""
    found = compare(differences(one, other), targets)
    turned = compare(differences(other, one), targets)
    assert turned == (None if found is None else found[::-1])
    return found


def of_one(one: Sequence[Any], other: Sequence[Any]) -> tuple[int, int] | None:
    return compared(outcomes({1: {"t": one}}), outcomes({1: {"t": other}}))


@given(hits)
def test_with_one_seed_and_one_draw_the_disagreements_are_counted(found: list[tuple[bool, bool]]) -> None:
    pairs = of_one([a for a, _ in found], [b for _, b in found])
    assert pairs == (sum(a and not b for a, b in found), sum(b and not a for a, b in found))


def test_an_image_that_does_not_count_in_either_is_left_out() -> None:
    assert of_one([1, NO, 1, 0], [0, 0, NO, 1]) == (1, 1)
    assert of_one([NO], [NO]) == (0, 0)


def test_draws_are_averaged_and_only_pairs_of_them_count() -> None:
    # 1 of 3 against 2 of 3; 1 of 1 against 0 of 1, the other draws counting in one row only; as often
    ours = [[1, 0, 0], [NO, 1, 1], [1, 0, 0]]
    theirs = [[1, 1, 0], [1, 0, NO], [0, 0, 1]]
    assert of_one(ours, theirs) == (1, 1)


def test_only_draws_that_both_have_count() -> None:
    assert of_one([[0, 1, 1]], [1]) == (0, 1)


def test_seeds_are_averaged_and_only_shared_ones_count() -> None:
    ours = {1: {"t": [1, 1]}, 2: {"t": [0, 1]}, 3: {"t": [1, 1]}}
    theirs = {1: {"t": [0, 0]}, 2: {"t": [1, 1]}, 4: {"t": [0, 0]}}
    assert compared(outcomes(ours), outcomes(theirs)) == (1, 0)


def test_a_mean_is_over_the_targets_on_which_an_image_counts() -> None:
    ours = outcomes({1: {"a": [1, 1, 1], "b": [0, NO, 0], "c": [1, 0, 0]}})
    theirs = outcomes({1: {"a": [0, 0, 0], "b": [1, 1, 1], "c": [0, 0, 1]}})
    assert compared(ours, theirs, ["a", "b", "c"]) == (2, 1)
    assert compared(ours, theirs, ["a", "b"]) == (1, 0)
    assert compared(ours, theirs, ["a", "missing"]) == (3, 0)


def test_what_rounding_leaves_is_no_difference() -> None:
    # a fifth more on three targets and three fifths less on a fourth: 0.2 + 0.2 + 0.2 - 0.6 is 1e-16
    never, once, thrice = ([[*[1.0] * hit, *[0.0] * (5 - hit)]] for hit in (0, 1, 3))
    ours = outcomes({1: {"a": once, "b": once, "c": once, "d": never}})
    theirs = outcomes({1: {"a": never, "b": never, "c": never, "d": thrice}})
    assert compared(ours, theirs, ["a", "b", "c", "d"]) == (0, 0)


@pytest.mark.parametrize("changed", [{"first": 1}, {"label": 4}, {"images": "others"}])
def test_other_images_or_labels_cannot_be_paired(changed: dict[str, int]) -> None:
    one = {1: {"t": [1.0]}}
    assert compared(outcomes(one), outcomes(one, **changed)) is None  # type: ignore[arg-type]
    assert compared(outcomes(one), outcomes(one)) == (0, 0)


def test_rows_that_share_nothing_cannot_be_paired() -> None:
    one = outcomes({1: {"t": [1]}})
    assert compared(one, outcomes({2: {"t": [0]}})) is None
    assert compared(one, one, ["u"]) is None
    assert compared(one, one.iloc[:0]) is None
