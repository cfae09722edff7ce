"""What signals do to whole programs."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from torch.utils.data import DataLoader, Dataset

from naa_lightning.data.workers import leave_signals_to_main
from tests.chaos import ROOT, digests, listed, saved_images, start
from tests.distributed.test_stopping import BOTH
from tests.experiments import NO_PICTURES, attack

IMAGES = 24
OVERRIDES = [f"data.limit={IMAGES}", "data.batch_size=4"]


WAITING = """
import time
from contextlib import nullcontext
from naa_lightning.data.workers import leave_signals_to_main
from naa_lightning.distributed.stopping import asked_to_stop, handle_stop_signals, hint_outside_work, stop_noted
handle_stop_signals()
hint_outside_work("the sweep goes on")
with WORK:
    print("ready", flush=True)
    while True:
        time.sleep(0.01)
        if asked_to_stop():
            print("asked", flush=True)
"""
AGAIN = "finishing what was begun, such as a batch; Ctrl-C again ends it at once\n"


def waiting(work: str) -> subprocess.Popen[str]:
    code = WAITING.replace("WORK", work)
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@BOTH
def test_a_second_signal_ends_the_process_unless_it_comes_with_the_first(
    number: signal.Signals, name: str, code: int
) -> None:
    process = waiting("stop_noted('it goes on')")
    assert process.stdout is not None
    process.send_signal(number)
    assert process.stdout.readline() == "asked\n"
    process.send_signal(number)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=1.1)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    told = AGAIN if number is signal.SIGINT else ""
    assert (process.returncode, err) == (code, f"{told}stopped by {name}; it goes on\n")


@BOTH
def test_a_signal_before_or_after_the_work_ends_the_process_at_once(
    number: signal.Signals, name: str, code: int
) -> None:
    process = waiting("nullcontext()")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (code, "", f"stopped by {name}; the sweep goes on\n")


@pytest.mark.parametrize(
    ("program", "loads"), [("attack", "hydra"), ("train", "hydra"), ("report", "argparse"), ("models", "torch")]
)
def test_ctrl_c_while_a_program_loads_ends_in_one_line(program: str, loads: str) -> None:
    code = f"""
import os, signal, sys
from naa_lightning.__main__ import {program}
class Pressed:
    def find_spec(self, name, path=None, target=None):
        if name == "{loads}":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Pressed())
sys.argv = ["program", "."]
{program}()
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "stopped by Ctrl-C\n")


def test_workers_leave_both_signals_to_the_process_that_reads() -> None:
    loader = DataLoader(Signalling(), batch_size=1, num_workers=1, worker_init_fn=leave_signals_to_main)
    assert [batch.item() for batch in loader] == [0, 1, 2]


class Signalling(Dataset[int]):
    """Sends its own process both signals."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            os.kill(os.getpid(), number)
        return index


def stopped(
    folder: Path, home: Path, *arguments: str, send: Callable[[subprocess.Popen[str]], None]
) -> tuple[int, str, str]:
    """Run the digits example and have a signal sent to it after its first images."""
    process = start(folder, [*OVERRIDES, *arguments], {"HOME": str(home)})
    while not listed(folder):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    send(process)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def to_all(process: subprocess.Popen[str]) -> None:
    """Send SIGTERM to a process and to its children, as clusters do."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    for child in children.read_text().split() if children.exists() else []:
        os.kill(int(child), signal.SIGTERM)
    process.send_signal(signal.SIGTERM)


def test_stopped_and_started_again_gives_the_same_bytes(models_dir: str, tmp_path: Path) -> None:
    undisturbed, folder = tmp_path / "undisturbed", tmp_path / "run"
    attack(undisturbed, models_dir, *OVERRIDES, "~targets")
    code, out, err = stopped(folder, tmp_path, models_dir, "~targets", "data.num_workers=1", send=to_all)
    before = saved_images(folder)
    assert code == 75, (out, err)
    assert len(before) in range(4, IMAGES, 4)
    assert err.count("\n") == 1
    assert err.startswith("stopped by SIGTERM at crafting naa on digits_plain")
    assert f"hydra.run.dir={folder}" in err
    assert not (folder / "results.json").exists()
    attack(folder, models_dir, *OVERRIDES, "~targets")
    assert before.items() <= saved_images(folder).items()
    assert digests(folder) == digests(undisturbed)


def interrupt(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)


def test_a_sweep_ends_with_the_job_that_ctrl_c_stops(models_dir: str, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    sweep = [
        "attack=mim,fgsm",
        "attack.budget.steps=20",
        *NO_PICTURES,
        f"hydra.sweep.dir={folder}",
        "hydra.sweep.subdir=${hydra:job.num}",
    ]
    code, out, err = stopped(folder / "0", tmp_path, models_dir, "~targets", *sweep, "-m", send=interrupt)
    assert code == 130, (out, err)
    stopped_at = "stopped by Ctrl-C at crafting mim on digits_plain"
    assert err == f"{AGAIN}{stopped_at}; the same command with hydra.sweep.dir={folder} goes on\n"
    assert 0 < len(saved_images(folder / "0")) < IMAGES
    assert not (folder / "0" / "results.json").exists()
    assert not (folder / "1").exists()
