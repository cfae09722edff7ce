from pathlib import Path

import pytest

from naa_lightning.exceptions import UserError
from naa_lightning.records import Prediction, read_predictions, write_predictions


def prediction(target: str, repeat: int = 0, target_class: int | None = None) -> Prediction:
    return Prediction(target, repeat, 7, "cat/a,b.png", 1, target_class, 1, 0.75, -2, 0.0)


ROWS = [prediction("plain"), prediction("plain+jpeg", 0, 3), prediction("plain+jpeg", 1)]


def test_rows_come_back_in_their_order(tmp_path: Path) -> None:
    assert read_predictions(tmp_path) == []
    assert write_predictions(tmp_path, ROWS) == tmp_path / "predictions.parquet"
    assert read_predictions(tmp_path) == ROWS


@pytest.mark.parametrize(("targets", "rows"), [(["plain+jpeg"], ROWS[1:2]), (["other"], []), ([], []), ((), [])])
def test_only_the_first_draw_of_some_targets_is_read(
    tmp_path: Path, targets: list[str], rows: list[Prediction]
) -> None:
    write_predictions(tmp_path, ROWS)
    assert read_predictions(tmp_path, targets=targets) == rows


@pytest.mark.parametrize("content", [b"", b"PAR1 and no more"])
def test_a_damaged_table_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "predictions.parquet").write_bytes(content)
    with pytest.raises(UserError, match=r"predictions\.parquet is damaged .*: run again"):
        read_predictions(tmp_path)
