import warnings
from math import inf, log
from typing import Any

import numpy as np
import pytest
import torch

from naa_lightning.exceptions import UserError
from naa_lightning.models.black_box.output_format import OutputFormat

IMAGES = torch.zeros(2, 3, 4, 4)
ROWS = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
THREE = OutputFormat(name="mine", num_classes=3)


def read_only() -> np.ndarray[Any, Any]:
    array = np.array(ROWS)
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    "answer",
    [
        ROWS,
        tuple(map(tuple, ROWS)),
        [torch.tensor(row) for row in ROWS],
        torch.tensor(ROWS),
        torch.tensor(ROWS, dtype=torch.float16),
        torch.tensor(ROWS, dtype=torch.int64),
        torch.tensor(ROWS)[:, :, None, None],
        torch.tensor(ROWS, requires_grad=True),
        np.array(ROWS),
        np.array(ROWS, dtype=np.int32),
        np.array(ROWS)[:, ::-1].copy()[:, ::-1],
        read_only(),
    ],
    ids=lambda answer: type(answer).__name__,
)
def test_numbers_of_every_kind_become_logits(answer: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        logits = THREE.logits(answer, IMAGES)
    assert (logits.tolist(), logits.dtype, logits.requires_grad) == (ROWS, torch.float32, False)


def test_probabilities_become_their_logarithms() -> None:
    logits = OutputFormat(name="mine", num_classes=3, gives="probabilities").logits(
        [[0.25, 0.75, 0.0], [1e-30, 1.0, 1e-3]], IMAGES
    )
    expected = [[log(0.25), log(0.75), -inf], [log(1e-30), 0.0, log(1e-3)]]
    torch.testing.assert_close(logits, torch.tensor(expected))


def test_the_least_double_precision_probability_is_told_from_none() -> None:
    gives = OutputFormat(name="mine", num_classes=2, gives="probabilities")
    assert gives.logits([[1e-300, 1.0]] * 2, IMAGES)[0, 0] == pytest.approx(log(1e-300))


def test_probabilities_may_be_rounded_but_not_be_logits() -> None:
    gives = OutputFormat(name="mine", num_classes=3, gives="probabilities")
    assert gives.logits([[-1e-7, 0.0, 1.0 + 1e-7]] * 2, IMAGES)[0].tolist() == [-inf, -inf, 0.0]
    with pytest.raises(UserError, match=r"mine gives 4, which is no probability: set gives=logits"):
        gives.logits([[0.5, 0.5, 0.0], [0.0, 4.0, 0.0]], IMAGES)
    with pytest.raises(UserError, match=r"mine gives -0\.5, which is no probability"):
        gives.logits([[0.5, 0.5, -0.5]] * 2, IMAGES)


def test_what_is_no_number_stays_so() -> None:
    for gives in ("logits", "probabilities"):
        logits = OutputFormat(name="mine", num_classes=2, gives=gives).logits([[float("nan"), 1.0]] * 2, IMAGES)
        assert logits[0, 0].isnan()


def test_outputs_before_the_first_class_are_dropped() -> None:
    gives = OutputFormat(name="mine", num_classes=2, first_class=1)
    assert gives.logits(ROWS, IMAGES).tolist() == [[2.0, 3.0], [5.0, 6.0]]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("cat", "mine gives str, expected numbers"),
        (None, "mine gives NoneType, expected numbers"),
        ([[1.0, 2.0, 3.0], [1.0]], "mine gives list, expected numbers"),
        ([1.0, 2.0], r"mine gives \(2,\) numbers for 2 images, expected \(2, 3\)"),
        (ROWS[:1], r"mine gives \(1, 3\) numbers for 2 images, expected \(2, 3\)"),
        (torch.zeros(2, 3, 2, 2), r"mine gives \(2, 3, 2, 2\) numbers for 2 images"),
        (torch.zeros(2, 10), "mine gives 10 classes, but num_classes is 3; correct `num_classes`$"),
        (
            torch.zeros(2, 4),
            "mine gives 4 classes, but num_classes is 3; set `first_class=1` if .*, or correct `num_classes`$",
        ),
        (
            (torch.zeros(2, 10), torch.zeros(2, 3)),
            "mine gives 10 classes, .*; name another output in `output`, or correct `num_classes`$",
        ),
    ],
    ids=lambda value: str(type(value).__name__),
)
def test_other_answers_are_refused(answer: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        THREE.logits(answer, IMAGES)


@pytest.mark.parametrize(("width", "first_class", "told"), [(4, 0, True), (5, 0, False), (5, 1, False)])
def test_a_background_class_is_told_where_it_can_be_left_out(width: int, first_class: int, told: bool) -> None:
    gives = OutputFormat(name="mine", num_classes=3, first_class=first_class)
    with pytest.raises(UserError, match=r"correct `num_classes`$") as error:
        gives.logits(torch.zeros(2, width), IMAGES)
    assert ("set `first_class=1` if the first is a background class, or correct" in str(error.value)) is told


@pytest.mark.parametrize(("width", "classes"), [(3, 2), (1, 0), (0, 0)])
def test_classes_are_counted_from_the_first(width: int, classes: int) -> None:
    gives = OutputFormat(name="mine", num_classes=3, first_class=1)
    with pytest.raises(UserError, match=f"mine gives {classes} classes after the first 1 of its outputs"):
        gives.logits(torch.zeros(2, width), IMAGES)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"gives": "logit"}, "gives must be one of logits, probabilities, got 'logit'"),
        ({"first_class": -1}, "first_class must be at least 0, got -1"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OutputFormat(name="mine", num_classes=3, **settings)
