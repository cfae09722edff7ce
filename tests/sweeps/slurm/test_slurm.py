"""Sweeps and runs of many processes on a real SLURM cluster, which has no accounting and loses jobs."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.experiments import ROOT, adversarial_files
from tests.sweeps.slurm.cluster import cluster, missing, run, wait_until

IMAGES = 6
ATTACK = ["experiment=digits", "attack=mim", "attack.budget.steps=2000", f"data.limit={IMAGES}", "data.batch_size=1"]
BRIEF = ["~logger", "~targets", "report.first_images=0", "report.extreme_images=0", "report.attention_images=0"]
DDP = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=1"]
ON_CLUSTER = [
    "hydra/launcher=slurm",
    "hydra.launcher.cpus_per_task=1",
    "hydra.launcher.poll_seconds=2",
    "hydra.launcher.grace_seconds=3",
]
SECONDS = 300  # for anything here, on a busy machine


@pytest.fixture(scope="module")
def slurm() -> Iterator[dict[str, str]]:
    if reason := missing():
        pytest.skip(reason)
    with cluster() as environment:
        here = str(Path(sys.executable).parent)
        yield {**environment, "PATH": here + os.pathsep + environment["PATH"], "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def at_home(models_dir: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep over two seeds, without a cluster."""
    folder = tmp_path_factory.mktemp("home")
    code, err = ended(started("-m", "seed=0,1", models_dir, f"hydra.sweep.dir={folder}"))
    assert code == 0, err
    return folder


def started(*arguments: str, inside: dict[str, str] | None = None, srun: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*srun, sys.executable, "attack.py", *arguments, *ATTACK, *BRIEF],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"} if inside is None else inside,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    try:
        told, _ = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    return process.returncode, told


def job_of(sweep: Path, seed: int) -> Path:
    (folder,) = (path for path in sweep.iterdir() if f"seed-{seed}" in path.name)
    return folder


def id_of(sweep: Path, index: int) -> str:
    (folder,) = (sweep / ".submitit").glob(f"*_{index}")
    return folder.name


def crafting(folder: Path, process: subprocess.Popen[str] | None = None) -> None:
    """Wait until a run has saved some images."""

    def begun() -> bool:
        assert process is None or process.poll() is None, process.communicate()
        return len(list(folder.glob("adversarial/*.png"))) >= 2

    wait_until(begun, SECONDS, f"images of {folder.name}")
    assert len(adversarial_files(folder)) < IMAGES


def crafting_in(sweep: Path, seed: int, process: subprocess.Popen[str]) -> Path:
    def begun() -> bool:
        assert process.poll() is None, process.communicate()
        return any(f"seed-{seed}" in path.name for path in sweep.glob("*"))

    wait_until(begun, SECONDS, "a job's folder")
    crafting(job_of(sweep, seed), process)
    return job_of(sweep, seed)


def told(folder: Path) -> dict[str, Any]:
    """What a run found out, but for what it cost and how, when and where it ran."""
    results: dict[str, Any] = json.loads((folder / "results.json").read_text())
    how = {"cost", "config", "command", "overrides", "started"}
    return {key: value for key, value in results.items() if key not in how}


def assert_same(folder: Path, reference: Path) -> None:
    assert len(adversarial_files(folder)) == IMAGES
    assert adversarial_files(folder) == adversarial_files(reference)
    assert told(folder) == told(reference)


def crafted_last(folder: Path) -> int:
    number: int = json.loads((folder / "results.json").read_text())["cost"]["images_crafted_now"]
    return number


def test_a_sweep_gives_what_it_gives_at_home_and_a_requeued_job_goes_on(
    slurm: dict[str, str], at_home: Path, models_dir: str, tmp_path: Path
) -> None:
    process = started("-m", "seed=0,1", models_dir, f"hydra.sweep.dir={tmp_path}", *ON_CLUSTER, inside=slurm)
    requeued = crafting_in(tmp_path, 1, process)
    run("scontrol", "requeue", id_of(tmp_path, 1), inside=slurm)
    code, err = ended(process)
    assert code == 0, err
    for seed in (0, 1):
        assert_same(job_of(tmp_path, seed), job_of(at_home, seed))
    assert crafted_last(job_of(tmp_path, 0)) == IMAGES
    assert 0 < crafted_last(requeued) < IMAGES


def test_a_job_killed_hard_is_told_and_the_others_finish(
    slurm: dict[str, str], at_home: Path, models_dir: str, tmp_path: Path
) -> None:
    process = started("-m", "seed=0,1", models_dir, f"hydra.sweep.dir={tmp_path}", *ON_CLUSTER, inside=slurm)
    killed = crafting_in(tmp_path, 0, process)
    lost = id_of(tmp_path, 0)
    run("scancel", "--signal=KILL", lost, inside=slurm)
    wait_until((killed / "failed.json").exists, 60, "the killed job is noticed")
    code, err = ended(process)
    assert code == 1
    assert f"error: job {lost} of the sweep ended without a result (" in err
    log = tmp_path / ".submitit" / lost / f"{lost}_0_log.err"
    assert f"its log: {log}" in err
    assert log.is_file()
    assert lost in json.loads((killed / "failed.json").read_text())["error"]
    assert not (killed / "results.json").exists()
    assert_same(job_of(tmp_path, 1), job_of(at_home, 1))
    assert lost in (tmp_path / "report.html").read_text()


def test_jobs_go_on_without_the_sweep_and_it_says_so(slurm: dict[str, str], models_dir: str, tmp_path: Path) -> None:
    process = started("-m", "seed=0,1", models_dir, f"hydra.sweep.dir={tmp_path}", *ON_CLUSTER, inside=slurm)
    wait_until(lambda: len(list((tmp_path / ".submitit").glob("*_[01]/*_submitted.pkl"))) == 2, SECONDS, "submission")
    number = id_of(tmp_path, 0).partition("_")[0]
    process.terminate()
    code, err = ended(process)
    assert code == 143
    assert "2 jobs go on without this process" in err
    assert f"`scancel {number}` ends them" in err
    assert run("squeue", "--array", "--noheader", f"--jobs={number}", "--format=%i", inside=slurm).split()
    run("scancel", number, inside=slurm)


def test_what_sbatch_refuses_is_told_in_one_line(slurm: dict[str, str], tmp_path: Path) -> None:
    refused = ["hydra.launcher.partition=none", f"hydra.sweep.dir={tmp_path}"]
    code, err = ended(started("-m", "seed=0,1", *ON_CLUSTER, *refused, inside=slurm))
    assert code == 1
    assert "invalid partition specified: none" in err.splitlines()[-1]
    assert err.splitlines()[-1].startswith("error: the sweep could not be submitted: ")
    assert "Traceback" not in err


def test_ranks_on_two_nodes_give_what_one_process_gives(
    slurm: dict[str, str], at_home: Path, models_dir: str, tmp_path: Path
) -> None:
    srun = ("srun", "--nodes=2", "--ntasks-per-node=2")
    code, err = ended(started(*DDP, models_dir, f"hydra.run.dir={tmp_path}", inside=slurm, srun=srun))
    assert code == 0, err
    assert_same(tmp_path, job_of(at_home, 0))


def test_a_run_that_loses_a_rank_ends_and_is_taken_up_again(
    slurm: dict[str, str], at_home: Path, models_dir: str, tmp_path: Path
) -> None:
    srun = ("srun", "--nodes=2", "--ntasks-per-node=1", "--kill-on-bad-exit=1")
    arguments = [*DDP, models_dir, f"hydra.run.dir={tmp_path}"]
    process = started(*arguments, inside=slurm, srun=srun)
    crafting(tmp_path, process)
    os.kill(rank_of(slurm, "1"), 9)
    began = time.monotonic()
    code, err = ended(process)
    assert code != 0
    assert time.monotonic() - began < 60
    assert not (tmp_path / "results.json").exists()
    code, err = ended(started(*arguments, inside=slurm, srun=srun))
    assert code == 0, err
    assert_same(tmp_path, job_of(at_home, 0))
    assert crafted_last(tmp_path) < IMAGES


def rank_of(slurm: dict[str, str], rank: str) -> int:
    """The process that is a rank of the step that runs."""
    wanted = {f"SLURM_CONF={slurm['SLURM_CONF']}".encode(), f"SLURM_PROCID={rank}".encode()}
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            inside = wanted <= set((folder / "environ").read_bytes().split(b"\0"))
            if inside and b"attack.py" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return min(found)


def test_the_readmes_batch_script_requeues_a_job_that_is_told_to_stop(
    slurm: dict[str, str], at_home: Path, models_dir: str, tmp_path: Path
) -> None:
    script = tmp_path / "attack.sbatch"
    script.write_text(batch_script())
    here = ["--nodes=2", "--ntasks-per-node=1", "--gpus-per-node=0", "--cpus-per-task=1", f"--output={tmp_path}/log"]
    arguments = [*ATTACK, *BRIEF, *DDP[1:], models_dir, f"paths.output_dir={tmp_path}/outputs"]
    answer = run("sbatch", "--parsable", f"--chdir={ROOT}", *here, script, *arguments, inside=slurm)
    job, folder = answer.strip(), tmp_path / "outputs" / "attack" / f"job-{answer.strip()}"
    crafting(folder)
    run("scancel", "--signal=TERM", job, inside=slurm)  # as SLURM does when its time is nearly up
    wait_until((folder / "results.json").exists, SECONDS, "the requeued run")
    assert "Restarts=1" in run("scontrol", "show", "job", job, inside=slurm)
    assert_same(folder, job_of(at_home, 0))
    assert crafted_last(folder) < IMAGES


def batch_script() -> str:
    readme = (ROOT / "README.md").read_text()
    if "#!/bin/bash" not in readme:
        return BATCH
    begin = readme.index("#!/bin/bash")
    return readme[begin : readme.index("```", begin)]


BATCH = """\
#!/bin/bash
#SBATCH --nodes=2 --ntasks-per-node=4 --gpus-per-node=4 --cpus-per-task=8
#SBATCH --time=12:00:00 --signal=TERM@120 --requeue --open-mode=append
srun python attack.py trainer=ddp 'hydra.run.dir=${paths.output_dir}/attack/job-'$SLURM_JOB_ID "$@"
code=$?
# 75: told to stop before its time is up. It goes on where it was.
if [ $code = 75 ]; then scontrol requeue $SLURM_JOB_ID; fi
exit $code
"""
