"""What loggers get of a run; `test_relog` reads back what W&B makes of it."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pytorch_lightning.loggers import Logger, WandbLogger

from naa_lightning.loggers.run import addresses, log_run, logging_to
from naa_lightning.loggers.study import log_study
from naa_lightning.records import AttributionRow, RunResults, write_attributions, write_results
from tests.report.cases import finished_run, prediction


class Recorder:
    def __init__(self, url: str | None = None) -> None:
        self.url = url
        self.offline = url is None
        self.media: dict[str, Any] = {}
        self.exit_codes: list[int] = []

    def log(self, media: dict[str, Any]) -> None:
        self.media |= media

    def finish(self, exit_code: int) -> None:
        self.exit_codes.append(exit_code)


class PlainLogger(Logger):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.config: Any = None
        self.metrics: dict[str, float] = {}
        self.saved = 0
        self.endings: list[str] = []

    name = version = None

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        self.config = params

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        self.metrics = metrics

    def save(self) -> None:
        self.saved += 1

    def finalize(self, status: str) -> None:
        self.endings.append(status)


class RecordingLogger(WandbLogger):
    def __init__(self, url: str | None = None) -> None:
        self.recorder = Recorder(url)

    @property
    def experiment(self) -> Any:
        return self.recorder

    def log_hyperparams(self, params: Any) -> None: ...
    def log_metrics(self, metrics: Any, step: int | None = None) -> None: ...
    def save(self) -> None: ...
    def finalize(self, status: str) -> None: ...


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_results(tmp_path, RunResults(images=2, targets={}, attack="naa", data="digits"))
    return tmp_path


def test_without_pictures_there_are_the_tables_alone(folder: Path) -> None:
    logger = RecordingLogger()
    log_run([logger], folder)
    assert set(logger.recorder.media) == {"targets", "classes"}
    assert logger.recorder.media["targets"].data == []


def test_histograms_leave_out_what_is_no_number(folder: Path) -> None:
    write_attributions(
        folder,
        [
            AttributionRow(id, part, name, value)
            for id, numbers in enumerate([(0.25, math.nan, math.nan), (0.75, 0.5, math.nan)])
            for (part, name), value in zip(
                [("clean", "gini"), ("naa", "cosine"), ("naa", "rank_correlation")], numbers, strict=True
            )
        ],
    )
    logger = RecordingLogger()
    log_run([logger], folder)
    counts = {name: sum(made.histogram) for name, made in logger.recorder.media.items() if "/" in name}
    assert counts == {"exact_attribution_of_images/clean/gini": 2, "exact_attribution_of_images/naa/cosine": 1}


def test_any_logger_gets_the_numbers(tmp_path: Path) -> None:
    rows = [prediction("plain"), prediction("plain", id=7, file="7.png", adversarial=3)]
    results = finished_run(tmp_path / "run", rows, failed={"other": "gone"})
    one, other = PlainLogger(), PlainLogger()
    log_run([one, other], tmp_path / "run")
    assert one.metrics == other.metrics
    assert one.saved == other.saved == 1
    assert {type(value) for value in one.metrics.values()} <= {int, float}
    assert one.metrics["target/plain/success_rate"] == one.metrics["black_box_mean/success_rate"] == 0.5
    assert one.metrics["target/plain/success_rate_low"] == results.targets["plain"].success_rate.low
    assert one.metrics["target/plain/success_rate_high"] == results.targets["plain"].success_rate.high
    assert one.metrics["perturbation/linf/max"] == 0.0625
    assert one.metrics["cost/seconds"] == 12.5
    assert one.metrics["failed_targets"] == 1
    unknown = ("target_rate", "spread", "defended_mean", "lpips", "exact_attribution")
    assert not [name for name in one.metrics if any(part in name for part in unknown)]


def test_loggers_are_told_the_configuration_and_closed() -> None:
    plain, recording = PlainLogger(), RecordingLogger()
    with logging_to([plain, recording], {"seed": 0}) as loggers:
        assert list(loggers) == [plain, recording]
        assert plain.config == {"seed": 0}
        assert (plain.endings, recording.recorder.exit_codes) == ([], [])
    assert plain.endings == ["success"]
    assert recording.recorder.exit_codes == [0]


def test_loggers_are_closed_where_the_work_fails() -> None:
    plain, recording = PlainLogger(), RecordingLogger()
    with pytest.raises(ZeroDivisionError), logging_to([plain, recording], {}):
        raise ZeroDivisionError
    assert plain.endings == ["failed"]
    assert recording.recorder.exit_codes == [1]


class RefusedLogger(PlainLogger):
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError


def test_a_logger_that_does_not_begin_is_not_closed_and_the_others_are() -> None:
    plain, refused, never = PlainLogger(), RefusedLogger(), RecordingLogger()
    with pytest.raises(ZeroDivisionError), logging_to([plain, refused, never], {}):
        pytest.fail("the work is not begun")
    assert (plain.endings, refused.endings, never.recorder.exit_codes) == (["failed"], [], [])


def test_a_run_that_is_online_has_an_address() -> None:
    online = RecordingLogger("https://wandb.ai/us/naa_lightning/runs/1")
    assert addresses([PlainLogger(), online, RecordingLogger()]) == ["https://wandb.ai/us/naa_lightning/runs/1"]


def test_the_table_of_a_study_names_its_seed() -> None:
    logger = RecordingLogger()
    log_study([logger], "layers", pd.DataFrame([{"layer": "a", "rate": 0.5}]), seed=7)
    table = logger.recorder.media["layers/table"]
    assert (table.columns, table.data) == (["layer", "rate", "seed"], [["a", 0.5, 7]])
