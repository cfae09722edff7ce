"""How numbers and names are written."""

from typing import Any

import pytest
from markupsafe import Markup

from naa_lightning.records import RateResult
from naa_lightning.records.results import BudgetResult
from naa_lightning.report import wording

NAMES = {3: "shark", 4: "4"}
DASH = "\N{EN DASH}"


@pytest.mark.parametrize(
    ("written", "values", "expected"),
    [
        ("percent", (0.8412,), "84.1"),
        ("percent", (None,), DASH),
        *(
            ("whole_percent", (share,), text)
            for share, text in (
                (0.914, "91 %"),
                (1.0, "100 %"),
                (0.9999, "over 99 %"),
                (0.001, "under 1 %"),
                (0, "0 %"),
            )
        ),
        ("interval", (RateResult(value=0.5, low=0.399, high=0.601, count=45, total=90),), f"39.9{DASH}60.1"),
        ("interval", (RateResult(),), DASH),
        *(("p_text", (p,), text) for p, text in ((0.00012, "p < 0.001"), (0.0234, "p = 0.023"), (1.0, "p = 1"))),
        ("levels", (16 / 255,), "16/255"),
        ("levels", (0.01,), "2.55/255"),
        ("budget_text", (BudgetResult(norm="linf", eps=16 / 255),), "L\N{INFINITY} 16/255"),
        ("budget_text", (BudgetResult(eps=1.5 / 255),), "L\N{INFINITY} 1.5/255 (1/255 in 8 bits)"),
        ("budget_text", (BudgetResult(eps=0.031),), "L\N{INFINITY} 7.91/255 (7/255 in 8 bits)"),
        ("budget_text", (BudgetResult(norm="l2", eps=3.0),), "L2 3"),
        ("budget_text", (None,), ""),
        ("decimal", (0.25,), "0.250"),
        ("decimal", (1.0, 1), "1.0"),
        ("decimal", (-1.0,), "\N{MINUS SIGN}1.000"),
        *(
            ("duration", (seconds,), text)
            for seconds, text in ((0.0123, "0.012 s"), (42.4, "42 s"), (900, "15 min"), (7260, "2 h 1 min"))
        ),
        ("duration", (None,), DASH),
        ("memory", (3 * 2**30,), "3.0 GiB"),
        ("memory", (200 * 2**20,), "200 MiB"),
        ("times", ("x 8",), "\N{MULTIPLICATION SIGN} 8"),
        ("counted", (1, "image"), "1 image"),
        ("counted", (1200, "image"), "1,200 images"),
        ("counted", (2, "class", "classes"), "2 classes"),
        *(
            ("class_called", (NAMES, label), text)
            for label, text in ((3, "shark"), (4, "class 4"), (9, "class 9"), (-1, "no answer"), (-2, "abstained"))
        ),
        ("sentence", ("the NAA release",), "The NAA release"),
        ("sentence", ("",), ""),
        ("breakable", ("a_resnet_50<b> decay=0.5",), Markup("a_<wbr>resnet_50&lt;b&gt; decay=0.5")),
        ("listed", ([],), ""),
        ("listed", (["a"],), "a"),
        ("listed", (["a", "b", "c"],), "a, b and c"),
        ("listed", (["a", "b", "c"], 2), "a, b and 1 more"),
    ],
)
def test_as_people_write(written: str, values: tuple[Any, ...], expected: str) -> None:
    assert getattr(wording, written)(*values).replace("\N{NO-BREAK SPACE}", " ") == expected
