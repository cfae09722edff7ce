"""What a launcher says of a process."""

from collections.abc import Mapping

import pytest

from naa_lightning.distributed.process_info import ProcessInfo, detect_process

SLURM = {
    "SLURM_STEP_NUM_TASKS": "9",
    "SLURM_PROCID": "8",
    "SLURM_LOCALID": "0",
    "SLURM_NODEID": "2",
    "SLURM_STEP_NODELIST": "gpu[07-09]",
    "SLURM_JOB_ID": "1234",
    "SLURM_STEP_ID": "0",
}


def given(environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> ProcessInfo:
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return detect_process()


def test_what_srun_says_of_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    process = given(SLURM, monkeypatch)
    assert (process.rank, process.world_size, process.local_rank, process.node_rank) == (8, 9, 0, 2)
    assert process.init_method.startswith("tcp://gpu07:")
    assert process.launcher == "srun"
    assert given({"SLURM_STEP_ID": "1"}, monkeypatch).init_method != process.init_method
    assert given({"MASTER_ADDR": "head", "MASTER_PORT": "1"}, monkeypatch).init_method == "tcp://head:1"


def test_one_task_of_srun_is_a_process_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert given(SLURM | {"SLURM_STEP_NUM_TASKS": "1"}, monkeypatch) == ProcessInfo()
    monkeypatch.delenv("SLURM_STEP_NUM_TASKS")  # a batch script, outside of any srun
    assert detect_process() == ProcessInfo()


def test_what_torchrun_says_of_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    elastic = {
        "TORCHELASTIC_RUN_ID": "none",
        "RANK": "5",
        "WORLD_SIZE": "8",
        "LOCAL_RANK": "1",
        "GROUP_RANK": "1",
    }
    assert given(elastic, monkeypatch) == ProcessInfo(5, 8, 1, 1, "env://", "torchrun")
