"""What makes numbers mean less than they seem to."""

import pytest

from naa_lightning.records import RateResult, TargetResult
from naa_lightning.records.results import GradientResult
from naa_lightning.report.doubts import doubts, gradient_doubt
from naa_lightning.report.page.finding import finding
from naa_lightning.report.run_table import notices
from tests.report.cases import asked_target, prediction, run_results


@pytest.mark.parametrize(
    ("gradients", "said"),
    [
        (None, ""),
        (GradientResult(), ""),
        (GradientResult(unchanged=1), "1 of 4 images equals the clean image"),
        (GradientResult(unchanged=2), "2 of 4 images equal the clean image"),
        (
            GradientResult(zero=3, unchanged=2),
            "the gradient was zero for 3 of 4 images, of which 2 equal the clean image",
        ),
        (GradientResult(non_finite=1), "the gradient was not finite for 1 of 4 images"),
        (
            GradientResult(zero=1, non_finite=1),
            "the gradient was zero for 1 of 4 images and was not finite for 1 of 4 images",
        ),
    ],
)
def test_gradients_that_told_nothing_are_counted(gradients: GradientResult | None, said: str) -> None:
    rows = [prediction("plain", id=image) for image in range(4)]
    results = run_results(rows, gradients=gradients)
    assert gradient_doubt(results).partition(":")[0] == said
    assert (said in " ".join(notices(results))) == bool(said) or not said
    assert (f"But {said}." in finding(results)) == bool(said)


def guessing(right: int, num_classes: int | None) -> list[tuple[str, str]]:
    rows = [prediction("plain", id=image, label=1, clean=1 if image < right else 2) for image in range(100)]
    return doubts(run_results(rows, targets={"plain": asked_target("plain", num_classes=num_classes)}))


@pytest.mark.parametrize(("right", "num_classes"), [(15, 10), (6, 1000), (100, 2), (0, None)])
def test_a_model_that_recognises_something_or_is_unknown_is_not_doubted(right: int, num_classes: int | None) -> None:
    assert guessing(right, num_classes) == []


@pytest.mark.parametrize(("right", "num_classes"), [(14, 10), (0, 10), (5, 1000), (52, 2)])
def test_a_model_that_guesses_is_doubted(right: int, num_classes: int) -> None:
    (about, why), (_, remedy) = guessing(right, num_classes)
    assert about == "plain"
    assert why.startswith(f"{right}.0 % of the clean images right, no better than guessing among {num_classes} classes")
    assert "counted from 0" in remedy


def test_where_trying_has_said_more_it_is_told_instead() -> None:
    rows = [prediction("plain", id=image, label=1, clean=2) for image in range(4)]
    targets = {"plain": asked_target("plain", num_classes=10)}
    told = doubts(run_results(rows, targets=targets, noticed={"plain": "labels minus 1 would be right"}))
    assert [about for about, _ in told] == ["plain", "plain"]
    assert told[1][1] == "labels minus 1 would be right"


def test_a_target_that_guesses_judges_only_where_all_do() -> None:
    """Kept out of the mean and of the judges, as one that shares the surrogate's weights is."""
    good = [prediction("good", id=image, label=1, clean=1, adversarial=2) for image in range(4)]
    bad = [prediction("bad", id=image, label=1, clean=2, adversarial=2) for image in range(4)]
    targets = {name: asked_target(name, num_classes=10) for name in ("good", "bad")}
    results = run_results([*good, *bad], targets=targets)
    assert (results.judges, results.black_box_mean.targets) == (("good",), ("good",))
    assert results.black_box_mean.left_out == {"bad": "clean accuracy no better than guessing"}
    assert run_results(bad, targets={"bad": targets["bad"]}).judges == ("bad",)
    known = RateResult(value=0.5, count=2, total=4)
    assert TargetResult(role="black-box", clean_accuracy=known).no_judge is None
