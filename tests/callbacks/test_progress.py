import re
from pathlib import Path

import pytest
import torch
from pytorch_lightning import LightningModule, Trainer
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from naa_lightning.callbacks import ProgressBar
from tests.callbacks.test_running_mean import QUIET

LOADER = DataLoader(TensorDataset(torch.zeros(6)), batch_size=2)


class Training(LightningModule):
    """Ends every epoch one tenth more accurate than the one before."""

    title = "training it"

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        return self.weight.sum()

    def validation_step(self, batch: list[Tensor], batch_idx: int) -> None:
        self.log("val/accuracy", 0.1 * (self.current_epoch + 1))
        self.log("val/calibration_error", 0.5)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=1.0)


def fit(epochs: int, checkpoint: Path | None = None) -> Trainer:
    trainer = Trainer(max_epochs=epochs, num_sanity_val_steps=0, callbacks=[ProgressBar()], **QUIET)
    trainer.fit(Training(), LOADER, LOADER, ckpt_path=checkpoint, weights_only=True)
    return trainer


def test_without_a_terminal_a_training_says_a_line_an_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    fit(3)
    *epochs, finished = capsys.readouterr().out.splitlines()
    assert [re.sub(r", \d:\d\d:\d\d left$", "", line) for line in epochs] == [
        f"training it: accuracy {10 * epoch}.0 %, epoch {epoch} of 3" for epoch in (1, 2, 3)
    ]
    assert re.fullmatch(r"training it: accuracy 30\.0 % ━+ 9/9 \d+\.\d steps/s 0:00:00 *", finished)


def test_a_terminal_shows_rate_and_time_left_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    fit(3)
    written = capsys.readouterr().out
    assert "epoch" not in written
    assert re.search(r"9/9.*steps/s.*0:00:00", written)


@pytest.mark.parametrize("width", [60, 80])
def test_a_narrow_terminal_shows_all_of_it(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(Training, "title", "training a network of a long name")
    fit(1)
    _, *finished = capsys.readouterr().out.splitlines()
    assert len(finished) > 1
    assert re.search(r" 3/3 \d+\.\d steps/s 0:00:00 *$", finished[0])
    assert "10.0 %" in "".join(finished)


def test_a_training_that_goes_on_starts_where_it_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = tmp_path / "last.ckpt"
    fit(1).save_checkpoint(checkpoint)
    capsys.readouterr()
    fit(3, checkpoint)
    second, third, finished = capsys.readouterr().out.splitlines()
    assert "epoch 2 of 3" in second
    assert "epoch 3 of 3" in third
    assert " 9/9 " in finished
