"""What W&B gets."""

import json
from pathlib import Path
from typing import Any

import pytest
import wandb
from PIL import Image
from pytorch_lightning.loggers import WandbLogger

from naa_lightning.report.log import log_run


class Recorder:
    def __init__(self) -> None:
        self.media: dict[str, Any] = {}

    def log(self, media: dict[str, Any]) -> None:
        self.media = media


class RecordingLogger(WandbLogger):
    def __init__(self) -> None:
        self.recorder = Recorder()

    @property
    def experiment(self) -> Any:
        return self.recorder

    def log_metrics(self, metrics: Any, step: int | None = None) -> None: ...
    def save(self) -> None: ...


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    results = {"targets": {}, "images": 2, "black_box_mean": None, "attribution": None, "cost": None}
    results |= {"exact_attribution": None}
    (tmp_path / "results.json").write_text(json.dumps(results))
    return tmp_path


def test_figures_are_grouped_by_kind(folder: Path) -> None:
    (folder / "figures").mkdir()
    names = ["panel-00001", "panel-00012", "attention-00012", "attribution-00003", "layers", "panels-of-mine", "a-b"]
    for name in names:
        Image.new("RGB", (2, 2)).save(folder / "figures" / f"{name}.png")
    logger = RecordingLogger()
    log_run([logger], folder)
    assert isinstance(logger.recorder.media.pop("targets"), wandb.Table)
    captions = {key: [image._caption for image in images] for key, images in logger.recorder.media.items()}
    assert captions == {
        "panel": ["panel-00001", "panel-00012"],
        "attention": ["attention-00012"],
        "attribution": ["attribution-00003"],
        "layers": ["layers"],
        "panels-of-mine": ["panels-of-mine"],
        "a-b": ["a-b"],
    }


def test_without_figures_there_is_the_table_alone(folder: Path) -> None:
    logger = RecordingLogger()
    log_run([logger], folder)
    assert set(logger.recorder.media) == {"targets"}
