"""McNemar's exact test and Holm's adjustment, against their definitions."""

from fractions import Fraction
from itertools import product
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naa_lightning.metrics.mcnemar import holm, mcnemar

shares = st.floats(0, 1, allow_nan=False)


def by_counting(better: int, worse: int) -> float:
    """Sum the probabilities of all splits of the disagreements that are no likelier than the one seen."""
    n = better + worse
    seen = comb(n, better)
    return float(sum(Fraction(comb(n, k), 2**n) for k in range(n + 1) if comb(n, k) <= seen))


@pytest.mark.parametrize(("better", "worse"), list(product(range(12), repeat=2)))
def test_it_is_the_binomial_tail(better: int, worse: int) -> None:
    assert mcnemar(better, worse) == pytest.approx(by_counting(better, worse), abs=1e-12)


def test_many_images() -> None:
    assert mcnemar(600, 400) == pytest.approx(by_counting(600, 400), rel=1e-9)
    assert mcnemar(400, 600) == mcnemar(600, 400)


@pytest.mark.parametrize("counts", [(-1, 3), (3, -1)])
def test_negative_counts_are_refused(counts: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least 0, got"):
        mcnemar(*counts)


def test_holm_as_worked_by_hand() -> None:
    # 4 * 0.005, 3 * 0.01, 2 * 0.03, and 0.04 stays behind 0.06
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(shares, max_size=8))
def test_holm_rejects_what_the_step_down_procedure_rejects(p_values: list[float]) -> None:
    rejected = set()
    for place, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[index] * (len(p_values) - place) >= 0.05:
            break
        rejected.add(index)
    assert {index for index, p in enumerate(holm(p_values)) if p < 0.05} == rejected


@given(st.lists(shares, min_size=1, max_size=8))
def test_holm_keeps_the_order_and_never_lowers(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(p <= more <= 1 for p, more in zip(p_values, adjusted, strict=True))
    ordered = sorted(zip(p_values, adjusted, strict=True))
    assert [more for _, more in ordered] == sorted(adjusted)
