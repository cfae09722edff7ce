"""Which images are shown."""

from collections.abc import Sequence
from dataclasses import replace

from naa_lightning.records import Prediction, RunResults, TargetResult
from naa_lightning.report.featured import Featured, by_transfer, featured
from tests.report.cases import prediction

LABEL, RATE = 7, "success_rate"


def answer(
    target: str,
    image: int,
    clean: float,
    adversarial: float,
    *,
    right: bool = True,
    fooled: bool = True,
    silent: bool = False,
    repeat: int = 0,
) -> Prediction:
    return prediction(
        target,
        repeat=repeat,
        id=image,
        label=LABEL,
        clean=LABEL if right else 1,
        clean_confidence=clean,
        adversarial=-2 if silent else 2 if fooled else LABEL,
        adversarial_confidence=adversarial,
    )


PREDICTIONS = [
    # fools both targets, narrowly
    answer("source", 4, 0.9, 0.9),
    answer("a", 4, 0.3, 0.3),
    answer("b", 4, 0.3, 0.3),
    # fools a; b was wrong before, and surer
    answer("source", 1, 0.9, 0.9),
    answer("a", 1, 0.625, 0.5),
    answer("b", 1, 1.0, 1.0, right=False),
    # fools b, which was sure; a, surer still, stays right
    answer("source", 6, 0.9, 0.9, fooled=False),
    answer("a", 6, 1.0, 1.0, fooled=False),
    answer("b", 6, 0.9, 0.3),
    # fools the surrogate only
    answer("source", 2, 1.0, 1.0),
    answer("a", 2, 1.0, 1.0, fooled=False),
    answer("b", 2, 1.0, 1.0, right=False),
    # fools nobody, as the surrogate was wrong before
    answer("source", 0, 1.0, 1.0, right=False),
    answer("a", 0, 1.0, 1.0, fooled=False),
    answer("b", 0, 1.0, 1.0, fooled=False),
    # as image 1
    answer("source", 3, 0.5, 0.5),
    answer("a", 3, 0.75, 0.375),
    answer("b", 3, 1.0, 1.0, fooled=False),
]
BLACK_BOX = [row for row in PREDICTIONS if row.target != "source"]


def test_images_that_fool_more_targets_come_first_then_those_of_surer_ones_then_lower_ids() -> None:
    # fooled: 4 by two; 6 (0.9 + 0.3), then 1 and 3 (1.125 each); 0 and 2 by none
    assert by_transfer(BLACK_BOX, RATE, best=True) == [4, 6, 1, 3, 0, 2]
    assert by_transfer(BLACK_BOX[::-1], RATE, best=True) == [4, 6, 1, 3, 0, 2]


def test_one_target_may_judge_alone() -> None:
    alone = [row for row in PREDICTIONS if row.target == "source"]
    # fooled: 2 (2.0), then 1 and 4 (1.8), then 3 (1.0)
    assert by_transfer(alone, RATE, best=True) == [2, 1, 4, 3, 0, 6]


def test_no_answer_is_not_fooled() -> None:
    rows = [answer("a", 0, 0.9, 0.9, silent=True), answer("a", 1, 0.1, 0.1)]
    assert by_transfer(rows, RATE, best=True) == [1, 0]


def test_only_the_first_of_repeated_answers_counts() -> None:
    again = [answer("a", 0, 0.9, 0.9, repeat=repeat) for repeat in (1, 2, 3)]
    rows = [answer("a", 0, 0.9, 0.9, fooled=False), *again, answer("a", 1, 0.1, 0.1)]
    assert by_transfer(rows, RATE, best=True) == [1, 0]
    assert by_transfer(rows, RATE, best=False) == [0, 1]


def test_images_that_withstand_come_first_then_those_whose_targets_stayed_surest_then_lower_ids() -> None:
    # fooled nobody: 0 (4.0 of a and b), 2 (2.0 of a; b was wrong); by one: 3 (2.0 of b), 6 (2.0 of a), 1; by two: 4
    assert by_transfer(BLACK_BOX, RATE, best=False) == [0, 2, 3, 6, 1, 4]
    assert by_transfer(BLACK_BOX[::-1], RATE, best=False) == [0, 2, 3, 6, 1, 4]


def test_an_image_that_nobody_had_right_does_not_withstand() -> None:
    rows = [answer("a", 0, 0.9, 0.9, right=False, fooled=False), answer("a", 1, 0.9, 0.9)]
    assert by_transfer(rows, RATE, best=False) == [1]


def test_where_a_class_is_aimed_at_its_answers_are_the_successes() -> None:
    hit, fooled, right = (
        replace(answer("a", image, 0.9, 0.9), target_class=aimed) for image, aimed in enumerate((2, 5, 5))
    )
    right = replace(right, adversarial_prediction=LABEL)
    assert by_transfer([right, fooled, hit], "target_rate", best=True) == [0, 1, 2]
    assert by_transfer([replace(hit, target_class=None), fooled], "target_rate", best=False) == [1]


def chosen(predictions: Sequence[Prediction], **options: object) -> Featured:
    targets = {name: TargetResult(role="black-box", model=name) for name in ("a", "b")}
    results = RunResults(images=7, targets=targets, config={"report": {"extreme_images": 2} | options})
    return featured(results, predictions, range(7))


def test_images_that_fool_nobody_are_none_of_the_most_and_those_that_fool_all_none_of_the_least() -> None:
    found = chosen(PREDICTIONS)
    assert (found.most, found.least) == ([4, 6], [0, 2])
    found = chosen([answer("a", 4, 0.3, 0.3), answer("a", 5, 0.3, 0.3, fooled=False)], extreme_images=5)
    assert (found.most, found.least) == ([4], [5])


def test_first_and_explained_images_are_as_many_as_asked_and_named_ones_come_instead() -> None:
    found = chosen(PREDICTIONS, first_images=3, attention_images=3)
    assert list(found.first) == [0, 1, 2]
    assert found.explained == [4, 6, 1]
    assert chosen(PREDICTIONS, attention_images=3, attention_ids=[5, 2]).explained == [2, 5]
    assert found.all == {0, 1, 2, 4, 6}
