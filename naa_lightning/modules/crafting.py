"""Crafting as a LightningModule's predict step."""

import logging
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.utilities.memory import garbage_collection_cuda
from torch import Tensor

from naa_lightning.attacks import Attack
from naa_lightning.attribution import AttributionStatistics, attribution_of_path_gradient, attribution_statistics
from naa_lightning.data import Batch
from naa_lightning.engine import Engine
from naa_lightning.engine.out_of_memory import Halving, is_out_of_memory
from naa_lightning.models import Classifier, Ensemble, frozen
from naa_lightning.rng import SeededDraws

log = logging.getLogger(__name__)


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
        arranging_seconds: What arranging the surrogate for speed and finding what fits into a pass took.
    """

    images: Tensor
    seconds: float
    gradient_evaluations: int
    attribution: AttributionStatistics | None
    preparation_seconds: float
    attribution_seconds: float
    arranging_seconds: float = 0.0


class AttackModule(LightningModule):
    """Crafts adversarial images on a surrogate.

    Libraries round convolutions differently at different batch sizes, and the sign in an attack's step amplifies that.
    At one size they are bit-equal whatever the neighbours. So images pass through the surrogate in padded groups of
    one size, and an image's result does not depend on which others were left for its batch. Only where memory is short,
    points of a path go one by one, and if that does not help, groups are smaller; see `Halving`.

    Args:
        surrogate: The white-box classifier, which is the module's: the engine arranges it.
        attack: What is run on it.
        seed: Of every random draw.
        batch_size: Of full batches.
        title: What progress bars call the work.
        pool: Clean images (3, h, w) in [0, 1], for attacks that mix images.
        engine: How the surrogate is run.
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
        engine: Engine | None = None,
    ) -> None:
        super().__init__()
        self.surrogate = surrogate
        self.attack = attack
        self.seed = seed
        self.batch_size = batch_size
        self.title = title
        self.pool = pool
        self.engine = engine or Engine()
        self._fast: AbstractContextManager[object] | None = None
        self._sharing = True
        self._fitting: dict[torch.Size, int] = {}
        self._at_black: dict[tuple[int, ...], tuple[Tensor, Tensor]] = {}
        self._memory = Halving(title)

    def predict_step(self, batch: Batch, batch_idx: int) -> CraftedBatch:
        """Craft one batch of images in [0, 1].

        Raises:
            UserError: The memory is too small for one image.
        """
        images, ids = batch["image"], batch["id"]
        classes = batch["target" if self.attack.targeted else "label"]
        group = self.engine.group(self.batch_size, images)

        def craft(part: slice, size: int) -> CraftedBatch:
            of_part = images[part], classes[part], ids[part], size
            if self._sharing and fitting > size:
                try:
                    return self._craft(*of_part, images_per_pass=fitting)
                except Exception as error:
                    if not is_out_of_memory(error):
                        raise
                garbage_collection_cuda()
                crafted = self._craft(*of_part, images_per_pass=size)
                self._share_no_longer(fitting)
                return crafted
            return self._craft(*of_part, images_per_pass=size)

        with self.engine.products():
            start = time.perf_counter()
            (fitting,) = self._memory.parts(lambda part, size: self._fitting_images(images[:1]), count=1, size=1)
            arranging_seconds = time.perf_counter() - start
            assert self._fast is not None, "fitting images arranges the surrogate"
            with self._fast:
                passes = self._memory.parts(craft, len(ids), group)
        return CraftedBatch(
            images=torch.cat([part.images for part in passes]),
            seconds=sum(part.seconds for part in passes),
            gradient_evaluations=passes[0].gradient_evaluations,
            attribution=_join([part.attribution for part in passes]),
            preparation_seconds=sum(part.preparation_seconds for part in passes),
            attribution_seconds=sum(part.attribution_seconds for part in passes),
            arranging_seconds=arranging_seconds,
        )

    def _fitting_images(self, image: Tensor) -> int:
        """Arrange the surrogate, once, and return how many images like (1, 3, H, W) fit into a pass."""
        with frozen(self.surrogate):
            if self._fast is None:
                self._fast = self.engine.arrange(self.surrogate, image)
            if not self.attack.objective.feature_level or not self._sharing:
                return 1
            if image.shape not in self._fitting:
                self._fitting[image.shape] = 1
                try:
                    with self._fast:
                        self._fitting[image.shape] = self.engine.images_per_pass(self.surrogate, image)
                except Exception as error:
                    if not is_out_of_memory(error):
                        raise
        return self._fitting[image.shape]

    def _share_no_longer(self, fitting: int) -> None:
        self._sharing = False
        log.warning(
            "%s: out of memory with %d images in a pass, now points of the path go one by one, so that results may "
            "differ in rounding from those of shared passes; in a new run a smaller engine.pass_mib avoids the retry",
            self.title,
            fitting,
        )

    def _craft(self, images: Tensor, classes: Tensor, ids: Tensor, size: int, images_per_pass: int) -> CraftedBatch:
        start = time.perf_counter()
        count = len(images)
        images, classes, ids = (_pad(values, size) for values in (images, classes, ids))
        # Lightning predicts without autograd.
        with torch.enable_grad():
            draws = SeededDraws(self.seed, ids.tolist(), self.pool)
            crafted = self.attack(
                self.surrogate,
                images,
                classes,
                draws,
                images_per_pass=images_per_pass,
                preparation=self.engine.preparation_dtype,
            )
        quantised = self.attack.budget.quantise(crafted.images, images)[:count].cpu()
        seconds = time.perf_counter() - start
        attribution = None
        if crafted.path_gradients:
            surrogate, gradient = crafted.path_gradients[0]
            shape = tuple(images.shape[1:])
            with frozen(surrogate), torch.no_grad():
                if shape not in self._at_black:
                    self._at_black[shape] = surrogate.features_and_logits(torch.zeros_like(images[:1]))
                attributed = attribution_of_path_gradient(surrogate, images, classes, gradient, self._at_black[shape])
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
