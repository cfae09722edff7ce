"""Crafting as a LightningModule's predict step."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from pytorch_lightning import LightningModule
from torch import Tensor

from naa_lightning.attacks import Attack
from naa_lightning.attribution import AttributionStatistics, attribution_of_path_gradient, attribution_statistics
from naa_lightning.data import Batch
from naa_lightning.draws import SeededDraws
from naa_lightning.halving import Halving
from naa_lightning.models import Classifier, Ensemble, frozen


@dataclass(frozen=True)
class CraftedBatch:
    """What a predict step returns.

    Args:
        images: uint8 (B, 3, H, W), within the budget.
        seconds: Crafting time of the batch, without its attribution statistics.
        gradient_evaluations: Per image.
        attribution: Over the first attacked layer, of the first surrogate; None for an attack that attributes nothing.
        preparation_seconds: Of `seconds`, those until the objective was prepared.
        attribution_seconds: What the attribution statistics took.
    """

    images: Tensor
    seconds: float
    gradient_evaluations: int
    attribution: AttributionStatistics | None
    preparation_seconds: float
    attribution_seconds: float


# On a CPU, passes of this many pixels are as fast per image as larger ones.
CPU_PASS_PIXELS = 8192


class AttackModule(LightningModule):
    """Crafts adversarial images on a surrogate.

    Libraries round convolutions differently at different batch sizes, and the sign in an attack's step amplifies that.
    At one size they are bit-equal whatever the neighbours. So images pass through the surrogate in padded groups of
    one size: on a CPU a fixed one, elsewhere the batch's. An image's result then depends neither on which others were
    left for its batch nor, on a CPU, on the batch size. Only where memory is short, groups are smaller; see `Halving`.

    Args:
        surrogate: The white-box classifier.
        attack: What is run on it.
        seed: Of every random draw.
        batch_size: Of full batches.
        title: What progress bars call the work.
        pool: Clean images (3, h, w) in [0, 1], for attacks that mix images.
    """

    def __init__(
        self,
        *,
        surrogate: Classifier | Ensemble,
        attack: Attack,
        seed: int,
        batch_size: int,
        title: str,
        pool: Sequence[Tensor] = (),
    ) -> None:
        super().__init__()
        self.surrogate = surrogate
        self.attack = attack
        self.seed = seed
        self.batch_size = batch_size
        self.title = title
        self.pool = pool
        self._memory = Halving(title)

    def predict_step(self, batch: Batch, batch_idx: int) -> CraftedBatch:
        """Craft one batch of images in [0, 1].

        Raises:
            UserError: The memory is too small for one image.
        """
        images, ids = batch["image"], batch["id"]
        classes = batch["target" if self.attack.targeted else "label"]

        def craft(part: slice, size: int) -> CraftedBatch:
            return self._craft(images[part], classes[part], ids[part], size)

        passes = self._memory.parts(craft, len(ids), self._pass_size(images))
        return CraftedBatch(
            images=torch.cat([part.images for part in passes]),
            seconds=sum(part.seconds for part in passes),
            gradient_evaluations=passes[0].gradient_evaluations,
            attribution=_join([part.attribution for part in passes]),
            preparation_seconds=sum(part.preparation_seconds for part in passes),
            attribution_seconds=sum(part.attribution_seconds for part in passes),
        )

    def _pass_size(self, images: Tensor) -> int:
        if images.device.type != "cpu":
            return self.batch_size
        return max(1, CPU_PASS_PIXELS // (images.shape[2] * images.shape[3]))

    def _craft(self, images: Tensor, classes: Tensor, ids: Tensor, size: int) -> CraftedBatch:
        start = time.perf_counter()
        count = len(images)
        images, classes, ids = (_pad(values, size) for values in (images, classes, ids))
        # Lightning predicts without autograd.
        with torch.enable_grad():
            crafted = self.attack(self.surrogate, images, classes, SeededDraws(self.seed, ids.tolist(), self.pool))
        quantised = self.attack.budget.quantise(crafted.images, images)[:count].cpu()
        seconds = time.perf_counter() - start
        attribution = None
        if crafted.path_gradients:
            surrogate, gradient = crafted.path_gradients[0]
            with frozen(surrogate):
                attributed = attribution_of_path_gradient(surrogate, images, classes, gradient)
                attribution = attribution_statistics(attributed)
            attribution = AttributionStatistics(**{k: v[:count].cpu() for k, v in vars(attribution).items()})
        return CraftedBatch(
            images=quantised,
            seconds=seconds,
            gradient_evaluations=crafted.gradient_evaluations,
            attribution=attribution,
            preparation_seconds=crafted.preparation_seconds,
            attribution_seconds=time.perf_counter() - start - seconds,
        )


def _pad(values: Tensor, size: int) -> Tensor:
    """Repeat the last of (B, ...) values until there are `size`."""
    last = values[-1:].expand(size - len(values), *values.shape[1:])
    return torch.cat([values, last])


def _join(parts: Sequence[AttributionStatistics | None]) -> AttributionStatistics | None:
    known = [vars(part) for part in parts if part is not None]
    if not known:
        return None
    return AttributionStatistics(**{name: torch.cat([part[name] for part in known]) for name in known[0]})
