"""Which images count as a success."""

from pathlib import Path

import numpy as np

from naa_lightning.records import write_predictions
from naa_lightning.report.sweep.outcomes import read_outcomes
from tests.report.page.cases import answer


def test_no_answer_is_no_success_and_a_wrong_clean_answer_does_not_count(tmp_path: Path) -> None:
    rows = [
        answer("t", 4, adversarial=-2),
        answer("t", 1, adversarial=9),
        answer("t", 3, clean=5, adversarial=9),
        answer("t", 2, adversarial=3),
        answer("t", 5, clean=-1, adversarial=-1),
    ]
    write_predictions(tmp_path, rows)
    found = read_outcomes(tmp_path, targeted=False)["t"]
    assert found.ids.tolist() == [1, 2, 3, 4, 5]
    assert found.labels.tolist() == [3] * 5
    np.testing.assert_array_equal(found.successes[:, 0], [1, 0, np.nan, 0, np.nan])


def test_a_targeted_run_counts_hits_of_the_class_aimed_at(tmp_path: Path) -> None:
    aims = [(9, 9), (9, 8), (None, 9)]
    rows = [answer("t", image, clean=5, adversarial=given, target_class=aim) for image, (aim, given) in enumerate(aims)]
    write_predictions(tmp_path, rows)
    np.testing.assert_array_equal(read_outcomes(tmp_path, targeted=True)["t"].successes[:, 0], [1, 0, np.nan])
