"""SIGTERM and Ctrl-C end a run in order."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.strategies import SingleDeviceStrategy
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from naa_lightning.callbacks.stop import StopBetweenBatches
from naa_lightning.data.workers import leave_signals_to_main
from naa_lightning.distributed.stopping import Stopped, asked_to_stop, stop_if_asked, stop_noted
from naa_lightning.models.target import Target
from naa_lightning.runs.stages.evaluation import evaluate
from naa_lightning.runs.stages.reading import LoadedPairs
from tests.chaos import ROOT, digests, listed, saved_images, start
from tests.experiments import NO_PICTURES, attack
from tests.runs.cases import context

IMAGES = 24
OVERRIDES = [f"data.limit={IMAGES}", "data.batch_size=4"]


@pytest.fixture
def noted() -> Iterator[None]:
    with stop_noted():
        yield
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler


class Module(LightningModule):
    """Does nothing much, and gets a signal in the middle of it."""

    title = "working"

    def __init__(self, at: str, number: signal.Signals = signal.SIGTERM) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.at = at
        self.number = number
        self.steps: list[int] = []

    def _signal(self, place: str) -> None:
        if place == self.at:
            signal.raise_signal(self.number)

    def predict_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        self._signal(f"predict {batch_idx}")
        self.steps.append(batch_idx)
        return batch

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        self._signal(f"train {batch_idx}")
        self.steps.append(batch_idx)
        return self.weight.sum()

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self._signal(f"validate {batch_idx}")

    def on_validation_epoch_end(self) -> None:
        self._signal("validated")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Saving(Callback):
    """Remembers which batches it was given to save."""

    def __init__(self) -> None:
        self.saved: list[int] = []

    def on_predict_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: Any, batch: Any, batch_idx: int, _: int = 0
    ) -> None:
        self.saved.append(batch_idx)


def trainer(*callbacks: Callback, strategy: SingleDeviceStrategy | str = "auto") -> Trainer:
    return Trainer(
        accelerator="cpu",
        strategy=strategy,
        max_epochs=2,
        callbacks=[*callbacks, StopBetweenBatches()],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )


def batches() -> DataLoader[Tensor]:
    return DataLoader(torch.zeros(4, 1), batch_size=1)  # type: ignore[arg-type]


BOTH = pytest.mark.parametrize(
    ("number", "name", "code"), [(signal.SIGTERM, "SIGTERM", os.EX_TEMPFAIL), (signal.SIGINT, "Ctrl-C", 130)]
)


@BOTH
@pytest.mark.usefixtures("noted")
def test_the_batch_is_done_and_saved_before_the_run_stops(number: signal.Signals, name: str, code: int) -> None:
    module, saving = Module("predict 1", number), Saving()
    with pytest.raises(Stopped) as stopped:
        trainer(saving).predict(module, batches(), return_predictions=False)
    assert (str(stopped.value), stopped.value.code) == (f"stopped by {name} at working", code)
    assert module.steps == saving.saved == [0, 1]


@pytest.mark.usefixtures("noted")
@pytest.mark.parametrize("run", [Trainer.predict, Trainer.fit])
def test_a_signal_before_the_first_batch_leaves_no_batch_to_do(run: Callable[..., Any]) -> None:
    signal.raise_signal(signal.SIGTERM)
    assert asked_to_stop()
    module = Module("never")
    with pytest.raises(Stopped):
        run(trainer(), module, batches())
    assert not module.steps


@BOTH
@pytest.mark.usefixtures("noted")
@pytest.mark.parametrize(
    ("at", "steps"), [("train 1", [0, 1]), ("validate 2", [0, 1, 2, 3]), ("validated", [0, 1, 2, 3])]
)
def test_training_stops_with_the_same_exit_code(
    at: str, steps: list[int], number: signal.Signals, name: str, code: int
) -> None:
    module = Module(at, number)
    with pytest.raises(SystemExit) as stopped:
        trainer().fit(module, batches(), batches())
    assert (str(stopped.value), stopped.value.code) == (f"stopped by {name} at working", code)
    assert module.steps == steps


class OneOfTwo(SingleDeviceStrategy):
    """Trains beside another rank that is asked to stop during its batch of some number."""

    def __init__(self, other_asked_at: int) -> None:
        super().__init__()
        self.world_size = 2
        self.other_asked_at = other_asked_at
        self.decisions: list[bool] = []

    def reduce_boolean_decision(self, decision: bool, all: bool = True) -> bool:
        assert not all
        self.decisions.append(decision)
        return decision or len(self.decisions) > self.other_asked_at


@pytest.mark.usefixtures("noted")
@pytest.mark.parametrize(
    ("at", "other", "decisions"),
    [
        ("never", 1, [False, False]),
        ("train 1", 9, [False, True]),
        ("validate 2", 9, [False] * 4 + [True]),
        ("validated", 9, [False] * 4 + [True]),
    ],
)
def test_ranks_agree_after_each_training_batch_and_nowhere_else(at: str, other: int, decisions: list[bool]) -> None:
    module, strategy = Module(at), OneOfTwo(other)
    with pytest.raises(Stopped, match=r"^stopped by SIGTERM at working$"):
        trainer(strategy=strategy).fit(module, batches(), batches())
    assert strategy.decisions == decisions
    assert len(module.steps) == len(decisions)


@pytest.mark.usefixtures("noted")
@pytest.mark.parametrize("run", [Trainer.fit, Trainer.test])
def test_lightning_handles_no_signal_of_several_ranks(run: Callable[..., Any]) -> None:
    found = []

    class Watching(Module):
        def test_step(self, batch: Tensor, batch_idx: int) -> None:
            found.append(signal.getsignal(signal.SIGTERM))

        def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
            found.append(signal.getsignal(signal.SIGTERM))
            return super().training_step(batch, batch_idx)

    before = signal.getsignal(signal.SIGTERM)
    run(trainer(strategy=OneOfTwo(100)), Watching("never"), batches())
    assert len(found) >= 4
    assert {*found, signal.getsignal(signal.SIGTERM)} == {before}


@pytest.mark.usefixtures("noted")
def test_a_stop_is_no_failure_of_a_target() -> None:
    class Source:
        name = "a"

        def build(self) -> None:
            signal.raise_signal(signal.SIGTERM)
            stop_if_asked("loading a")

    class Pairs:
        collate = None

        def __len__(self) -> int:
            return 1

    target, pairs = Target(source=Source()), LoadedPairs(Pairs(), num_workers=0)  # type: ignore[arg-type]
    with pytest.raises(Stopped, match="at loading a"):
        evaluate(context(target), pairs)


def test_nothing_is_asked_without_a_signal() -> None:
    with stop_noted():
        assert not asked_to_stop()
        stop_if_asked("working")
        signal.raise_signal(signal.SIGTERM)
    assert not asked_to_stop()


def test_a_handler_that_is_there_stays() -> None:
    received: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: received.append(number))
    try:
        with stop_noted():
            signal.raise_signal(signal.SIGTERM)
            assert not asked_to_stop()
        assert received == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with stop_noted():
        with stop_noted():
            signal.raise_signal(signal.SIGTERM)
        assert asked_to_stop()


def test_other_threads_may_use_it() -> None:
    done: list[bool] = []

    def run() -> None:
        with stop_noted():
            done.append(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert done == [True]


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
