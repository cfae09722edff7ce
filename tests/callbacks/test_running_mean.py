from typing import Any

import pytest
import torch
from pytorch_lightning import LightningModule, Trainer
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from naa_lightning.callbacks.running_mean import RunningMean

QUIET: dict[str, Any] = {
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "accelerator": "cpu",
}


class Counting(LightningModule):
    """Its weight is the number of steps made."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.norm = torch.nn.BatchNorm1d(1)  # has a counter of whole numbers, which must not get in the way

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        self.norm(torch.randn(2, 1))
        return -self.weight.sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=1.0)


@pytest.mark.parametrize("decay", [0.3, 0.999])
def test_the_mean_is_of_few_steps_first(decay: float) -> None:
    module = Counting()
    trainer = Trainer(max_epochs=1, callbacks=[RunningMean(decay, torch.device("cpu"))], **QUIET)
    trainer.fit(module, DataLoader(TensorDataset(torch.zeros(20)), batch_size=1))
    mean = 1.0
    for step in range(1, 20):
        used = min(decay, (1 + step) / (10 + step))
        mean = used * mean + (1 - used) * (step + 1)
    assert module.weight.item() == pytest.approx(mean, rel=1e-5)
