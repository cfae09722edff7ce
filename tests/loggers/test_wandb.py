"""The W&B logger: what it is told, and what there is without the package."""

import logging
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pytorch_lightning.loggers import CSVLogger, Logger, WandbLogger

from naa_lightning.config.building import build_part
from naa_lightning.exceptions import UserError
from naa_lightning.loggers.relog import relog
from naa_lightning.loggers.wandb import wandb_logger
from tests.experiments import attack_run
from tests.loggers.wandb_files import go_offline, logged

INSTALL = "pip install 'naa_lightning[wandb]'"


@pytest.fixture
def without_wandb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    monkeypatch.setenv("WANDB_MODE", "offline")  # a setting of this machine asks for nothing


def configured(folder: Path, *overrides: str) -> Any:
    """The logger that a command line makes."""
    words = ("experiment=digits", "logger=wandb", f"paths.run_dir={folder}", *overrides)
    run = attack_run(*words)
    assert run.logger is not None
    return build_part(Logger, run.logger["wandb"], "logger.wandb")


@pytest.mark.usefixtures("without_wandb")
def test_without_the_package_numbers_go_to_csv_files(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "naa_lightning")
    logger = configured(tmp_path)
    beside = CSVLogger(str(tmp_path), name="csv")  # as logger=many_loggers has it
    for one in (logger, beside):
        one.log_metrics({"x": 1.0})
        one.save()
    assert isinstance(logger, CSVLogger)
    assert caplog.messages == [f"W&B is not installed, so numbers go to {tmp_path}/csv; to have it: {INSTALL}"]
    assert [path.read_text() for path in sorted(tmp_path.glob("csv/*/metrics.csv"))] == ["step,x\n0,1.0\n"] * 2
    assert not (tmp_path / "wandb").exists()


@pytest.mark.usefixtures("without_wandb")
def test_a_mode_that_is_asked_for_needs_the_package(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^mode=offline needs the package wandb: pip install 'naa_lightning\[wandb\]'"):
        configured(tmp_path, "logger.wandb.mode=offline")
    with pytest.raises(
        UserError, match=r"^W&B is not installed: pip install 'naa_lightning\[wandb\]'; --no-log writes"
    ):
        relog(tmp_path)


def test_a_run_is_described_as_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_offline(monkeypatch, tmp_path / "home")
    said = {"entity": "us", "job_type": "trial", "notes": "first", "id": "abc123"}
    logger = configured(tmp_path, *(f"logger.wandb.{key}={value}" for key, value in said.items()))
    logger.log_hyperparams({"seed": 0})
    logger.log_metrics({"x": 1.0})
    logger.experiment.finish()
    (found,) = logged(tmp_path)
    names = {"entity": "entity", "job_type": "job_type", "notes": "notes", "id": "run_id"}
    assert {key: found.run[name] for key, name in names.items()} == said


def test_the_best_epoch_is_uploaded_not_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    monkeypatch.setattr(WandbLogger, "after_save_checkpoint", lambda self, callback: told.append(callback.monitor))
    logger: Any = wandb_logger(
        project="mine", name="run", group=None, tags=[], save_dir=str(tmp_path), mode="offline", log_model=True
    )
    for monitor in ("val/score", None):
        logger.after_save_checkpoint(SimpleNamespace(monitor=monitor))
    assert told == ["val/score"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("+logger.wandb.enttiy=us", "there is no option logger.wandb.enttiy; did you mean entity?"),
        ("logger.wandb.log_model=some", "logger.wandb.log_model"),
    ],
)
def test_mistakes(override: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        configured(tmp_path, override)
    assert str(error.value).startswith(message)
