"""The W&B logger: what it is told, and what there is without the package."""

import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import wandb
import yaml
from pytorch_lightning.loggers import CSVLogger, Logger, WandbLogger

from naa_lightning.config.building import build_part, plain_values
from naa_lightning.exceptions import UserError
from naa_lightning.loggers.relog import relog
from naa_lightning.loggers.wandb import wandb_logger
from naa_lightning.loggers.wandb_limits import check_limits
from naa_lightning.loggers.wandb_run import FolderRun, kept_run, run_of
from tests.experiments import ROOT, attack_run, composed
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


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    go_offline(monkeypatch, tmp_path / "home")


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, offline: None) -> Iterator[dict[str, Any]]:
    """Set what an agent of a W&B sweep sets; yields its parameters."""
    parameters = {"attack": "mim", "attack.budget.eps": "8/255", "seed": 3}
    chosen = tmp_path / "config-abc.yaml"
    chosen.write_text(yaml.safe_dump({"wandb_version": 1} | {key: {"value": it} for key, it in parameters.items()}))
    for name, value in {
        "SWEEP_ID": "swept",
        "RUN_ID": "abc",
        "SWEEP_PARAM_PATH": str(chosen),
        "PROJECT": "theirs",
        "ENTITY": "us",
    }.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    wandb.teardown()  # which reads them once
    yield parameters
    monkeypatch.undo()
    wandb.teardown()


def test_in_a_sweep_the_nodes_that_it_chooses_are_logged_beside_its_choice(
    agent: dict[str, Any], tmp_path: Path
) -> None:
    """W&B tells by its own keys which combinations are done: a grid whose keys change is begun for ever."""
    words = ["experiment=digits", "logger=wandb", f"paths.run_dir={tmp_path}"]
    config = plain_values(composed(*words, *(f"{key}={value}" for key, value in agent.items())))
    logger: Any = build_part(Logger, config["logger"]["wandb"], "logger.wandb")
    logger.log_hyperparams(config)
    logger.log_metrics({"x": 1.0})
    logger.experiment.finish()
    (found,) = logged(tmp_path)
    assert (found.run["run_id"], found.run["sweep_id"], found.run["project"]) == ("abc", "swept", "theirs")
    assert found.run["display_name"] == "digits_plain-mim-digits-seed3"
    assert {key: found.config[key] for key in agent} == agent
    attack = config.pop("attack")
    assert found.config["attack.name"] == attack["name"] == "mim"
    assert found.config["attack.budget.steps"] == attack["budget"]["steps"]
    assert found.config["attack.update_rule.decay"] == attack["update_rule"]["decay"]
    assert {key: found.config[key] for key in config} == config
    assert kept_run(tmp_path) == FolderRun(id="abc", swept=("attack",))


def test_the_sweep_that_is_shipped_fits_the_command_line() -> None:
    sweep = yaml.safe_load((ROOT / "sweep.yaml").read_text())
    assert (ROOT / sweep["program"]).is_file()
    assert "${args_no_hyphens}" in sweep["command"]
    for last in (0, -1):
        chosen = {key: node.get("values", [node.get("value")])[last] for key, node in sweep["parameters"].items()}
        run = attack_run(*(f"{key}={value}" for key, value in chosen.items()))
        assert (run.attack.name, run.attack.budget["eps"]) == (chosen["attack"], chosen["attack.budget.eps"])
    assert sweep["metric"] == {"name": "black_box_mean/success_rate", "goal": "maximize"}


@pytest.mark.parametrize(
    ("asked", "environment", "of_sweep", "kept", "expected"),
    [
        (None, None, False, "kept", "kept"),
        ("asked", None, False, "kept", "asked"),
        ("asked", "set", False, None, "asked"),
        (None, "set", False, "kept", "set"),
        ("asked", "agents", True, "kept", "agents"),
        (None, None, True, "kept", "kept"),
    ],
)
def test_who_decides_which_run_a_folder_is(
    asked: str | None,
    environment: str | None,
    of_sweep: bool,
    kept: str | None,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    if environment:
        monkeypatch.setenv("WANDB_RUN_ID", environment)
    if of_sweep:
        monkeypatch.setenv("WANDB_SWEEP_ID", "swept")
    if kept:
        (tmp_path / "wandb_run.json").write_text(json.dumps({"id": kept}))
    assert run_of(tmp_path, asked) == kept_run(tmp_path) == FolderRun(id=expected)


@pytest.mark.usefixtures("offline")
def test_a_run_that_goes_on_in_its_folder_is_the_same_one(tmp_path: Path) -> None:
    ids = [configured(tmp_path / name).version for name in ("one", "one", "other")]
    assert ids[0] == ids[1] != ids[2]
    assert kept_run(tmp_path / "one") == FolderRun(id=ids[0]), "before the run begins"


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b'{"id": 3}', b"\xff\xfe"])
def test_a_damaged_file_is_no_new_run(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "wandb_run.json").write_bytes(content)
    with pytest.raises(
        UserError, match=r'wandb_run\.json is damaged: write {"id": "\.\.\."} with the id of the W&B run'
    ):
        run_of(tmp_path)
    assert (tmp_path / "wandb_run.json").read_bytes() == content


@pytest.mark.usefixtures("offline")
def test_a_tag_that_wandb_does_not_take_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^tags: W&B takes tags of 1 to 64 characters, got one of 70$"):
        configured(tmp_path, f"tags=[fine,{'a' * 70}]")
    assert kept_run(tmp_path) is None


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("tags", [""], "tags: W&B takes tags of 1 to 64 characters, got one of 0"),
        ("name", "a" * 129, "name: W&B takes names of 1 to 128 characters, got one of 129"),
        ("group", "a" * 129, "group: W&B takes groups of 1 to 128 characters, got one of 129"),
        ("job_type", "a" * 65, "job_type: W&B takes job types of 1 to 64 characters, got one of 65"),
        ("project", "a" * 129, "project: W&B takes projects of 1 to 128 characters, got one of 129"),
        ("project", "a/b", "W&B: Invalid project name 'a/b': cannot contain characters"),
        ("id", "a" * 129, "id: W&B takes ids of 1 to 128 characters, got one of 129"),
        ("id", "a/b", "W&B: Run ID cannot contain the characters"),
    ],
)
def test_what_wandb_does_not_take(key: str, text: Any, message: str) -> None:
    with pytest.raises(UserError) as error:
        check_limits(**{"tags": [], key: text})
    assert str(error.value).startswith(message)


@pytest.mark.usefixtures("offline")
def test_the_longest_texts_that_wandb_takes_are_taken(tmp_path: Path) -> None:
    longest = {"name": 128, "group": 128, "job_type": 64, "project": 128, "id": 128}
    logger = configured(
        tmp_path, f"tags=[{'a' * 64}]", *(f"logger.wandb.{key}={'a' * length}" for key, length in longest.items())
    )
    logger.log_hyperparams({"seed": 0})
    logger.log_metrics({"x": 1.0})
    logger.experiment.finish()
    (found,) = logged(tmp_path)
    assert found.run["display_name"] == "a" * 128


def test_tags_of_any_length_are_fine_without_wandb(tmp_path: Path) -> None:
    long = f"tags=[{'a' * 70}]"
    assert attack_run("experiment=digits", "logger=csv", long).tags == ["a" * 70]


@pytest.mark.usefixtures("offline")
def test_a_run_that_wandb_does_not_begin_ends_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def init(**options: Any) -> None:
        raise wandb.errors.CommError("run gone was previously created and deleted\ntry a new one")

    monkeypatch.setattr(wandb, "init", init)
    logger = configured(tmp_path, "logger.wandb.id=gone")
    with pytest.raises(UserError) as error:
        logger.log_hyperparams({})
    assert str(error.value) == (
        "W&B does not begin the run gone: run gone was previously created and deleted; if it was deleted there, delete "
        f"{tmp_path}/wandb_run.json; to log on this machine, give logger.wandb.mode=offline"
    )


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
