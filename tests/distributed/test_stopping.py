"""SIGTERM ends a run in order."""

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
from torch.utils.data import DataLoader

from naa_lightning.callbacks.stop import StopBetweenBatches
from naa_lightning.distributed.stopping import Stopped, asked_to_stop, sigterm_noted, stop_if_asked
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
    with sigterm_noted():
        yield
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


class Module(LightningModule):
    """Does nothing much, and gets SIGTERM in the middle of it."""

    title = "working"

    def __init__(self, at: str) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.at = at
        self.steps: list[int] = []

    def _signal(self, place: str) -> None:
        if place == self.at:
            signal.raise_signal(signal.SIGTERM)

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


@pytest.mark.usefixtures("noted")
def test_the_batch_is_done_and_saved_before_the_run_stops() -> None:
    module, saving = Module("predict 1"), Saving()
    with pytest.raises(Stopped, match="stopped by SIGTERM at working") as stopped:
        trainer(saving).predict(module, batches(), return_predictions=False)
    assert stopped.value.code == os.EX_TEMPFAIL == 75
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


@pytest.mark.usefixtures("noted")
@pytest.mark.parametrize(
    ("at", "steps"), [("train 1", [0, 1]), ("validate 2", [0, 1, 2, 3]), ("validated", [0, 1, 2, 3])]
)
def test_training_stops_with_the_same_exit_code(at: str, steps: list[int]) -> None:
    module = Module(at)
    with pytest.raises(SystemExit) as stopped:
        trainer().fit(module, batches(), batches())
    assert (str(stopped.value), stopped.value.code) == ("stopped by SIGTERM at working", 75)
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
    with sigterm_noted():
        assert not asked_to_stop()
        stop_if_asked("working")
        signal.raise_signal(signal.SIGTERM)
    assert not asked_to_stop()


def test_a_handler_that_is_there_stays() -> None:
    received: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: received.append(number))
    try:
        with sigterm_noted():
            signal.raise_signal(signal.SIGTERM)
            assert not asked_to_stop()
        assert received == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with sigterm_noted():
        with sigterm_noted():
            signal.raise_signal(signal.SIGTERM)
        assert asked_to_stop()


def test_other_threads_may_use_it() -> None:
    done: list[bool] = []

    def run() -> None:
        with sigterm_noted():
            done.append(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert done == [True]


WAITING = """
import time
from naa_lightning.distributed.stopping import asked_to_stop, sigterm_noted
with sigterm_noted():
    print("ready", flush=True)
    while True:
        time.sleep(0.01)
        if asked_to_stop():
            print("asked", flush=True)
"""


def test_a_second_signal_ends_the_process_unless_it_comes_with_the_first() -> None:
    process = subprocess.Popen([sys.executable, "-c", WAITING], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "asked\n"
    process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=1.1)
    process.send_signal(signal.SIGTERM)
    process.stdout.close()
    assert process.wait(timeout=60) == -signal.SIGTERM


def stopped(
    folder: Path, home: Path, *arguments: str, send: Callable[[subprocess.Popen[str]], None]
) -> tuple[int, str, str]:
    """Run the digits example and send it SIGTERM after its first images."""
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


def test_a_sweep_ends_at_once(models_dir: str, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    sweep = [
        "attack=mim,fgsm",
        "attack.budget.steps=20",
        *NO_PICTURES,
        f"hydra.sweep.dir={folder}",
        "hydra.sweep.subdir=${hydra:job.num}",
    ]
    code, out, err = stopped(
        folder / "0", tmp_path, models_dir, "~targets", *sweep, "-m", send=lambda process: process.terminate()
    )
    assert code == 75, (out, err)
    assert err.startswith("stopped by SIGTERM at crafting mim on digits_plain")
    assert 0 < len(saved_images(folder / "0")) < IMAGES
    assert not (folder / "0" / "results.json").exists()
    assert not (folder / "1").exists()
