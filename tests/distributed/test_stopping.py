"""SIGTERM and Ctrl-C end a run in order."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.strategies import SingleDeviceStrategy
from torch import Tensor
from torch.utils.data import DataLoader

from naa_lightning.callbacks.stop import StopBetweenBatches
from naa_lightning.distributed.stopping import Stopped, asked_to_stop, stop_if_asked, stop_noted
from naa_lightning.models.target import Target
from naa_lightning.runs.stages.evaluation import evaluate
from naa_lightning.runs.stages.reading import LoadedPairs
from tests.runs.cases import context


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
