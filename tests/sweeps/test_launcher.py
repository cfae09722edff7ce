"""Launching the jobs of a sweep, by a program that Hydra runs as it runs ours, here and on a feigned cluster."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.experiments import CONF, ROOT
from tests.sweeps.slurm.cluster import wait_until

PROGRAM = """
import os, signal, sys, time
from pathlib import Path
import hydra
from hydra.core.hydra_config import HydraConfig
from naa_lightning.cli.entry import one_line_errors
from naa_lightning.config.hydra_versions import MAIN_OPTIONS
from naa_lightning.exceptions import UserError

@hydra.main(config_path=None, **MAIN_OPTIONS)
def main(config):
    folder = Path(HydraConfig.get().runtime.output_dir)
    (folder / "began").write_text(f"{HydraConfig.get().job.id} {HydraConfig.get().job.num}")
    match config.job:
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "broken":
            raise UserError("no such\\nlayer")
        case "long":
            time.sleep(600)
    (folder / "finished").touch()

with one_line_errors():
    main()
"""
LOCAL = ("hydra/launcher=submitit_local",)
SLURM = ("hydra/launcher=slurm", "hydra.launcher.poll_seconds=0", "hydra.launcher.grace_seconds=0")


def start(folder: Path, jobs: str, *overrides: str, path: str = os.environ["PATH"]) -> subprocess.Popen[str]:
    (folder / "program.py").write_text(PROGRAM)
    options = [
        f"hydra.searchpath=[file://{CONF}]",
        "+hydra.callbacks.sweep_report._target_=naa_lightning.sweeps.reporting.SweepReport",
        f"hydra.sweep.dir={folder / 'sweep'}",
    ]
    return subprocess.Popen(
        [sys.executable, "program.py", "-m", f"+job={jobs}", "+task_name=other", *options, *overrides],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": path, "HYDRA_FULL_ERROR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    try:
        _, err = process.communicate(timeout=600)
    finally:
        process.kill()
    return process.returncode, err


def failure(job: Path) -> str:
    return str(json.loads((job / "failed.json").read_text())["error"])


def test_a_job_that_is_lost_or_fails_leaves_the_others(tmp_path: Path) -> None:
    code, err = finish(start(tmp_path, "killed,broken,short", *LOCAL))
    lost, broken, finished = (tmp_path / "sweep" / str(number) for number in range(3))
    assert code == 1
    job_id, number = (lost / "began").read_text().split()
    assert number == "0"
    line = f"job {job_id} of the sweep ended without a result (FINISHED); its log: "
    assert f"error: {line}{tmp_path}/sweep/.submitit/{job_id}/{job_id}_0_log.err\n" in err
    assert failure(lost).startswith(line)
    assert f"error: job {(broken / 'began').read_text().split()[0]} of the sweep failed: no such layer\n" in err
    assert failure(broken) == "no such layer"
    assert (finished / "finished").exists()
    assert not (finished / "failed.json").exists()


def test_jobs_on_this_machine_end_with_an_interrupted_sweep(tmp_path: Path) -> None:
    process = start(tmp_path, "long", *LOCAL)
    began = tmp_path / "sweep" / "0" / "began"
    wait_until(began.exists, 120, "the job begins")
    job_id = began.read_text().split()[0]
    process.send_signal(signal.SIGINT)
    code, err = finish(process)
    assert code == 130
    assert "interrupted by SIGINT\n" in err
    wait_until(lambda: not is_running(job_id), 30, "the job ends")


def is_running(pid: str) -> bool:
    try:
        return "submitit" in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    """A folder with SLURM's commands: `sbatch` takes every job, and `squeue` says what the file `queue` holds."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program(folder, "srun", "exit 1")
    program(folder, "sbatch", f"touch {folder}/submitted; echo Submitted batch job 7")
    program(folder, "squeue", f"cat {folder}/queue")
    (folder / "queue").touch()
    return folder


def path_with(folder: Path) -> Mapping[str, str]:
    return {"path": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def test_jobs_that_the_queue_knows_to_have_ended_are_lost(cluster: Path, tmp_path: Path) -> None:
    (cluster / "queue").write_text("7_0|OUT_OF_MEMORY|None\n")
    code, err = finish(start(tmp_path, "a,b", *SLURM, **path_with(cluster)))
    assert code == 1
    assert "error: job 7_0 of the sweep ended without a result (OUT_OF_MEMORY); its log: " in err
    assert "error: job 7_1 of the sweep ended without a result (no longer in the queue); its log: " in err
    assert [failure(tmp_path / "sweep" / job)[:7] for job in ("0", "1")] == ["job 7_0", "job 7_1"]


def test_jobs_of_a_cluster_go_on_without_an_interrupted_sweep(cluster: Path, tmp_path: Path) -> None:
    (cluster / "queue").write_text("7_0|RUNNING|None\n7_1|PENDING|PartitionTimeLimit\n")
    process = start(tmp_path, "a,b", *SLURM, **path_with(cluster))
    wait_until((cluster / "submitted").exists, 120, "submission")
    process.terminate()
    code, err = finish(process)
    assert code == 143
    assert "interrupted by SIGTERM\n2 jobs go on without this process" in err
    assert "`scancel 7` ends them\n" in err


def test_what_sbatch_refuses_is_one_line(cluster: Path, tmp_path: Path) -> None:
    program(cluster, "sbatch", "echo no such partition >&2; exit 1")
    code, err = finish(start(tmp_path, "a,b", *SLURM, **path_with(cluster)))
    assert code == 1
    assert err.splitlines()[-1].startswith("error: the sweep could not be submitted: ")
    assert "no such partition" in err.splitlines()[-1]
    assert "Traceback" not in err


def test_without_submitit_the_extra_is_named(tmp_path: Path) -> None:
    (tmp_path / "submitit.py").write_text("raise ModuleNotFoundError(name='submitit')")
    code, err = finish(start(tmp_path, "a,b", *LOCAL))
    assert code == 1
    assert err.splitlines()[-1] == "error: hydra/launcher= needs submitit: pip install 'naa_lightning[slurm]'"


def test_hydra_finds_it_and_loads_nothing_heavy_with_it() -> None:
    code = (
        "import sys; from hydra.core.plugins import Plugins; from hydra.plugins.launcher import Launcher; "
        "print(*(f'{found.__module__}.{found.__name__}' for found in Plugins.instance().discover(Launcher))); "
        "print({'torch', 'submitit', 'pydantic'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    found, heavy = done.stdout.splitlines()
    plugin = "hydra_plugins.naa_submitit_launcher.launcher"
    assert {f"{plugin}.LocalLauncher", f"{plugin}.SlurmLauncher"} <= set(found.split())
    assert heavy == "set()"
