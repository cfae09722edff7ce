"""Each run has a folder of its own, whose files and log are the first rank's."""

import logging

import pytest
from hydra import compose
from omegaconf import DictConfig

from naa_lightning.cli.run_folder import RunFolder
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
