"""Measuring perturbations as a LightningModule's predict step."""

from dataclasses import dataclass

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn

from naa_lightning.metrics import PerturbationSizes, perturbation_sizes
from naa_lightning.records import PairBatch


@dataclass
class MeasuredBatch:
    """What a predict step returns, on the CPU: ids (B,), and what belongs to them."""

    ids: Tensor
    sizes: PerturbationSizes


class PerturbationModule(LightningModule):
    """Compares adversarial images with clean ones.

    Args:
        lpips: See `perturbation_sizes`.
        title: What progress bars call the work.
    """

    def __init__(self, lpips: nn.Module | None, *, title: str) -> None:
        super().__init__()
        self.lpips = lpips
        self.title = title

    def predict_step(self, batch: PairBatch, batch_idx: int) -> MeasuredBatch:
        """Measure a batch, in full precision whatever the trainer's."""
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            sizes = perturbation_sizes(batch["clean"], batch["adversarial"], self.lpips)
        return MeasuredBatch(
            batch["id"].cpu(), PerturbationSizes(**{name: values.cpu() for name, values in vars(sizes).items()})
        )
