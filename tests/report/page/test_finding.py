"""The sentence that says what a run found."""

from typing import Any

import pytest

from naa_lightning.records import RunResults
from naa_lightning.report.page.finding import finding
from tests.report.cases import rate
from tests.report.page.cases import results, target

WHITE = {"mobilenetv2": target(rate(88, 90), model="mobilenetv2", white_box=True, robust_accuracy=rate(2, 100))}
WHITE_DEFENDED = {
    "mobilenetv2+jpeg": target(rate(9, 90), model="mobilenetv2", white_box=True, defences=["jpeg"]),
}
ONE = {"vgg16": target(rate(45, 90), robust_accuracy=rate(45, 100))}
TWO = ONE | {"resnet50": target(rate(27, 90), model="resnet50", robust_accuracy=rate(63, 100))}
DEFENDED = {
    f"vgg16+{name}": target(rate(count, 90), defences=[name], robust_accuracy=rate(90 - count, 100))
    for name, count in (("jpeg", 9), ("bits", 18))
}
AIMED = {name: target(rate(45, 90), model=name, target_rate=rate(count, 100)) for name, count in (("a", 30), ("b", 10))}
LEAD = "At L\N{INFINITY} 16/255, naa on mobilenetv2"


def said(**changes: Any) -> str:
    return finding(RunResults.model_validate(results(**changes))).replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"targets": WHITE | TWO},
            f"{LEAD} fools 2 networks that it never saw on 40 % of the images that they had right, on average; "
            "the most robust is resnet50 with 63 % robust accuracy.",
        ),
        (
            {"targets": WHITE | ONE},
            f"{LEAD} fools vgg16, which it never saw, on 50 % of the images that it had right; "
            "that leaves 45 % robust accuracy.",
        ),
        (
            {"targets": WHITE | ONE | DEFENDED},
            f"{LEAD} fools vgg16, which it never saw, on 50 % of the images that it had right; "
            "that leaves 45 % robust accuracy. Behind defences it is 15 %.",
        ),
        (
            {"targets": WHITE | DEFENDED},
            f"{LEAD} fools 2 defended networks that it never saw on 15 % of the images that they had "
            "right, on average; the most robust is vgg16+jpeg with 81 % robust accuracy.",
        ),
        (
            {"targets": WHITE},
            f"{LEAD} fools mobilenetv2, which it was crafted on, on 98 % of the images that it had right; that leaves "
            "2 % robust accuracy; no network was asked that it never saw.",
        ),
        (
            {"targets": WHITE | WHITE_DEFENDED, "failed": {"vgg19": {"reason": "no weights", "model": "vgg19"}}},
            f"{LEAD} fools mobilenetv2, which it was crafted on, on 98 % of the images that it had right; that leaves "
            "2 % robust accuracy; no network answered that it never saw. 1 target could not be asked.",
        ),
        (
            {"targets": AIMED, "targeted": True},
            f"{LEAD} makes 2 networks that it never saw answer with the class aimed at on 20 % of the images, "
            "on average; least often b, on 10 %.",
        ),
        (
            {"targets": {"a": AIMED["a"]}, "targeted": True},
            f"{LEAD} makes a, which it never saw, answer with the class aimed at on 30 % of the images.",
        ),
        (
            {"targets": TWO, "surrogate": None, "budget": None},
            "naa on an unknown surrogate fools 2 networks on 40 % of the images that they had right, on average; "
            "the most robust is resnet50 with 63 % robust accuracy.",
        ),
        (
            {"targets": ONE, "attack": None, "budget": {"norm": "l2", "eps": 3.0}},
            "At L2 3, an unnamed attack on mobilenetv2 fools vgg16, which it never saw, on 50 % of the images that it "
            "had right; that leaves 45 % robust accuracy.",
        ),
        (
            {"targets": ONE, "failed": {"vgg19": {"reason": "no weights"}}},
            f"{LEAD} fools vgg16, which it never saw, on 50 % of the images that it had right; "
            "that leaves 45 % robust accuracy. 1 target could not be asked.",
        ),
        (
            {"targets": {"vgg16": target(rate(0, 0))}},
            "There is no success rate: vgg16 had no clean image right.",
        ),
        (
            {"targets": {"a": target(rate(4, 9), target_rate=rate(0, 0))}, "targeted": True},
            "There is no success rate: no image was aimed at a class.",
        ),
        (
            {"targets": {}, "failed": {"a": {"reason": "x"}, "b": {"reason": "y"}}},
            "No target could be asked: 2 targets failed.",
        ),
        ({"targets": {}}, "No target was asked."),
    ],
)
def test_what_was_found_is_said_in_a_sentence(changes: dict[str, Any], expected: str) -> None:
    assert said(**changes) == expected


def test_a_target_that_cannot_count_is_not_among_those_that_are_counted() -> None:
    nothing = target(rate(0, 0), model="vgg19", robust_accuracy=rate(0, 100))
    assert said(targets=ONE | {"vgg19": nothing}) == said(targets=ONE)


def test_results_of_version_1_know_no_robust_accuracy() -> None:
    assert said(targets={"vgg16": target(rate(45, 90), robust_accuracy=rate(0, 0))}) == (
        f"{LEAD} fools vgg16, which it never saw, on 50 % of the images that it had right."
    )
