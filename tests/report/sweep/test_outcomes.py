"""Which images count as a success."""

from pathlib import Path

import numpy as np
import pandas as pd

from naa_lightning.records import Prediction, write_predictions
from naa_lightning.report.sweep.outcomes import read_outcomes
from tests.report.cases import prediction


def answer(image: int, *, clean: int = 3, adversarial: int = 9, target_class: int | None = None) -> Prediction:
    return prediction("t", id=image, clean=clean, adversarial=adversarial, target_class=target_class)


def outcomes(folder: Path, *, targeted: bool) -> list[float]:
    found = read_outcomes(folder, targeted=targeted).sort_values("id")
    assert found.id.tolist() == list(range(len(found)))
    assert set(found.label) == {3}
    return found.outcome.tolist()


def test_no_answer_is_no_success_and_a_wrong_clean_answer_does_not_count(tmp_path: Path) -> None:
    rows = [
        answer(3, adversarial=-2),
        answer(0, adversarial=9),
        answer(2, clean=5, adversarial=9),
        answer(1, adversarial=3),
        answer(4, clean=-1, adversarial=-1),
    ]
    write_predictions(tmp_path, rows)
    np.testing.assert_array_equal(outcomes(tmp_path, targeted=False), [1, 0, np.nan, 0, np.nan])


def test_a_targeted_run_counts_hits_of_the_class_aimed_at(tmp_path: Path) -> None:
    aims = [(9, 9), (9, 8), (None, 9)]
    rows = [answer(image, clean=5, adversarial=given, target_class=aim) for image, (aim, given) in enumerate(aims)]
    write_predictions(tmp_path, rows)
    np.testing.assert_array_equal(outcomes(tmp_path, targeted=True), [1, 0, np.nan])


def test_an_image_that_is_there_twice_counts_once(tmp_path: Path) -> None:
    write_predictions(tmp_path, [answer(0), answer(0)])
    assert outcomes(tmp_path, targeted=False) == [1]
    assert len(pd.read_parquet(tmp_path / "predictions.parquet")) == 2
