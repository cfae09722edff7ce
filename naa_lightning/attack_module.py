"""Crafting as a LightningModule's predict step."""

import time
from dataclasses import dataclass

import torch
from pytorch_lightning import LightningModule
from torch import Tensor

from naa_lightning.attacks import Attack
from naa_lightning.attribution import AttributionStatistics, attribution_statistics
from naa_lightning.data import Batch
from naa_lightning.draws import SeededDraws
from naa_lightning.models import Classifier, frozen


@dataclass(frozen=True)
class CraftedBatch:
    """What a predict step returns.

    Args:
        images: uint8 (B, 3, H, W), within the budget.
        seconds: Crafting time of the batch.
        gradient_evaluations: Per image.
        attribution: None for an attack that attributes nothing.
    """

    images: Tensor
    seconds: float
    gradient_evaluations: int
    attribution: AttributionStatistics | None


class AttackModule(LightningModule):
    """Crafts adversarial images on a surrogate.

    Every batch is padded to one size, because convolutions are bit-equal at one batch size whatever the neighbours:
    an image's result does not depend on which others were left for its batch.

    Args:
        surrogate: The white-box classifier.
        attack: What is run on it.
        seed: Of every random draw.
        batch_size: To which batches are padded.
        title: What progress bars call the work.
    """

    def __init__(self, *, surrogate: Classifier, attack: Attack, seed: int, batch_size: int, title: str) -> None:
        super().__init__()
        self.surrogate = surrogate
        self.attack = attack
        self.seed = seed
        self.batch_size = batch_size
        self.title = title

    def predict_step(self, batch: Batch, batch_idx: int) -> CraftedBatch:
        """Craft one batch of images in [0, 1]."""
        start = time.perf_counter()
        count = len(batch["image"])
        images, labels, ids = (_pad(batch[key], self.batch_size) for key in ("image", "label", "id"))
        # Lightning predicts without autograd.
        with torch.enable_grad():
            crafted = self.attack(self.surrogate, images, labels, SeededDraws(self.seed, ids.tolist()))
        attribution = None
        if crafted.path_gradient is not None:
            with frozen(self.surrogate):
                attribution = attribution_statistics(self.surrogate, images, labels, crafted.path_gradient)
            attribution = AttributionStatistics(**{k: v[:count].cpu() for k, v in vars(attribution).items()})
        quantised = self.attack.budget.quantise(crafted.images, images)[:count].cpu()
        return CraftedBatch(quantised, time.perf_counter() - start, crafted.gradient_evaluations, attribution)


def _pad(values: Tensor, size: int) -> Tensor:
    """Repeat the last of (B, ...) values until there are `size`."""
    last = values[-1:].expand(size - len(values), *values.shape[1:])
    return torch.cat([values, last])
