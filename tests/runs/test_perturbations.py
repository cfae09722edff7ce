"""Perturbations larger than the budget are refused."""

import re

import pytest

from naa_lightning.attacks import Budget
from naa_lightning.exceptions import UserError
from naa_lightning.records import PerturbationRow
from naa_lightning.runs.stages.perturbations import check_budget


def row(file: str, linf: float = 0.0, l2: float = 0.0) -> PerturbationRow:
    return PerturbationRow(id=0, file=file, linf=linf, l2=l2, ssim=None, psnr=None, lpips=None)


def test_perturbations_of_the_budgets_size_pass() -> None:
    check_budget([row(f"{level}.png", linf=level / 255) for level in (0, 15, 16)], Budget(eps="16/255"))
    check_budget([row("a.png", linf=1.0, l2=3.0)], Budget(eps=3.0, norm="l2"))
    check_budget([row("a.png")], Budget(eps=0))


@pytest.mark.parametrize(
    ("rows", "budget", "message"),
    [
        (
            [row("a.png", linf=17 / 255), row("b.png", linf=24 / 255), row("c.png", linf=16 / 255)],
            Budget(eps="16/255"),
            "2 of 3 images are over the budget of 16/255, b.png furthest with 24/255: give the budget that they were "
            "made for, such as attack.budget.eps=24/255",
        ),
        (
            [row("a.png", linf=0.01, l2=3.01)],
            Budget(eps=3.0, norm="l2"),
            "1 of 1 images are over the budget of 3, a.png furthest with 3.01: give the budget that they were made "
            "for, such as attack.budget.eps=3.01",
        ),
        ([row("a.png", linf=1 / 255)], Budget(eps=0), "1 of 1 images are over the budget of 0/255"),
    ],
)
def test_larger_ones_are_named(rows: list[PerturbationRow], budget: Budget, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        check_budget(rows, budget)


def test_the_budget_that_the_message_offers_is_large_enough() -> None:
    for size in (3.0149, 2.7183, 12.3456789):
        with pytest.raises(UserError) as error:
            check_budget([row("a.png", l2=size)], Budget(eps=1.0, norm="l2"))
        offered = str(error.value).rpartition("=")[2]
        check_budget([row("a.png", l2=size)], Budget(eps=offered, norm="l2"))
