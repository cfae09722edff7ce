"""Each run has a folder of its own, whose files and log are the first rank's."""

import logging
from pathlib import Path

import pytest
from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

from naa_lightning.cli.run_folder import RunFolder
from naa_lightning.distributed.folder_lock import alone_in
from tests.experiments import composed


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> DictConfig:
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.NullHandler()])
    composed()
    return compose("attack", ["hydra.run.dir=mine"], return_hydra_config=True)


@pytest.mark.parametrize(("rank", "folder"), [("0", "mine"), ("1", ".")])
def test_of_several_processes_the_first_alone_writes_and_logs(
    rank: str, folder: str, config: DictConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"RANK": rank, "WORLD_SIZE": "2", "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": "2", "MASTER_PORT": "1"}
    for name, value in {**given, "TORCHELASTIC_RUN_ID": "run", "MASTER_ADDR": "localhost"}.items():
        monkeypatch.setenv(name, value)
    RunFolder().on_run_start(config)
    writes = rank == "0"
    assert config.hydra.run.dir == folder
    assert (config.hydra.output_subdir is not None, config.hydra.job_logging.root is not None) == (writes, writes)
    assert bool(logging.getLogger().handlers) == writes


def test_a_process_alone_is_the_first(config: DictConfig) -> None:
    RunFolder().on_run_start(config)
    assert config.hydra.run.dir == "mine"


@pytest.mark.parametrize("others", [0, 1, 3])
def test_a_folder_that_is_named_by_the_time_is_always_a_new_one(others: int, tmp_path: Path) -> None:
    composed()
    config = compose("attack", [f"paths.output_dir={tmp_path}"], return_hydra_config=True)
    wanted = Path(config.hydra.run.dir)
    for number in range(others):
        (wanted if number == 0 else wanted.with_name(f"{wanted.name}_{number + 1}")).mkdir(parents=True)
    RunFolder().on_run_start(config)
    assert config.hydra.run.dir == (str(wanted) if others == 0 else f"{wanted}_{others + 1}")
    assert Path(config.hydra.run.dir).is_dir()


def test_a_sweep_has_a_folder_of_its_own_too(tmp_path: Path) -> None:
    composed()
    config = compose("attack", [f'paths.output_dir="{tmp_path}/it\'s"'], return_hydra_config=True)
    wanted = config.hydra.sweep.dir
    Path(wanted).mkdir(parents=True)
    RunFolder().on_multirun_start(config)
    assert config.hydra.sweep.dir == f"{wanted}_2"
    (told,) = OverridesParser.create().parse_overrides([config.hydra.overrides.hydra[-1]])
    assert (told.key_or_group, told.value()) == ("hydra.sweep.dir", f"{wanted}_2")


def test_what_stands_in_a_folder_in_use_is_not_written_over(
    config: DictConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config.hydra.run.dir = str(tmp_path)
    with alone_in(tmp_path):
        RunFolder().on_run_start(config)
    assert (config.hydra.run.dir, config.hydra.output_subdir) == (str(tmp_path), None)
