"""What TensorBoard gets of a run, read back from its files."""

import sys
from pathlib import Path

import pandas as pd
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from naa_lightning.exceptions import UserError
from naa_lightning.loggers.run import log_run, logging_to
from naa_lightning.loggers.study import log_study
from naa_lightning.loggers.tensorboard import tensorboard_logger
from tests.report.cases import finished_run, prediction


def test_numbers_are_scalars(tmp_path: Path) -> None:
    results = finished_run(tmp_path, [prediction("plain")])
    logger = tensorboard_logger(save_dir=str(tmp_path))
    with logging_to([logger], {"seed": 0, "attack": {"name": "naa", "transforms": None}}):
        log_run([logger], tmp_path)
        log_study([logger], "layers", pd.DataFrame([{"layer": "a", "rate": 0.5}]), seed=0)
    read = EventAccumulator(str(tmp_path / "tensorboard" / "version_0")).Reload()
    (rate,) = read.Scalars("target/plain/success_rate")
    assert rate.value == results.targets["plain"].success_rate.value
    assert [point.value for point in read.Scalars("layers/rate")] == [0.5]
    assert read.Tags()["images"] == []


def test_without_the_package_one_sentence_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(
        UserError, match=r"^TensorBoard is not installed: pip install 'naa_lightning\[tensorboard\]', or"
    ):
        tensorboard_logger(save_dir=str(tmp_path))
