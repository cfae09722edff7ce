"""Crafting adversarial images as a LightningModule's predict step."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.utilities.memory import garbage_collection_cuda
from torch import Tensor

from naa_lightning.attacks import Attack
from naa_lightning.attacks.attack import Crafted
from naa_lightning.attribution import AttributionStatistics, attribution_of_path_gradient, attribution_statistics
from naa_lightning.data import Batch
from naa_lightning.engine import Engine
from naa_lightning.engine.out_of_memory import AdaptiveChunks, is_out_of_memory
from naa_lightning.models import Classifier, Ensemble, frozen
from naa_lightning.rng import SeededDraws

log = logging.getLogger(__name__)
R = TypeVar("R")


@dataclass(frozen=True)
class CraftedBatch:
    """Adversarial images of a batch, with what they cost.

    Args:
        images: Adversarial images of shape (B, 3, H, W) as uint8, within the budget.
        seconds: Crafting time of the batch in seconds, without its attribution statistics.
        gradient_evaluations: Number of gradient evaluations per image.
        attribution: Statistics over the first attacked layer of the first surrogate; None for an attack that attributes
            nothing.
        preparation_seconds: Share of `seconds` until the objective was prepared.
        attribution_seconds: Time of the attribution statistics in seconds.
        arranging_seconds: Time in seconds to arrange the surrogate for speed and to find what fits into a pass.
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
    points of a path go one by one, and if that does not help, groups are smaller; see `AdaptiveChunks`.

    Args:
        surrogate: White-box classifier, which the engine arranges in place.
        attack: Attack that is run on the surrogate.
        seed: Seed of every random draw.
        batch_size: Number of images in a full batch.
        title: Name of the work in progress bars and messages.
        pool: Clean images of shape (3, h, w) in [0, 1] for attacks that mix images.
        engine: Way of running the surrogate.
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
        self._optimised = False
        self._sharing = True
        self._fitting: dict[torch.Size, int] = {}
        self._at_black: dict[tuple[int, ...], tuple[Tensor, Tensor]] = {}
        self._memory = AdaptiveChunks(title)

    def predict_step(self, batch: Batch, batch_idx: int) -> CraftedBatch:
        """Craft one batch of images in [0, 1].

        Raises:
            UserError: The memory is too small for one image.
        """
        images, ids = batch["image"], batch["id"]
        classes = batch["target_class" if self.attack.targeted else "label"]
        group_size = self.engine.group_size(self.batch_size, images)
        with self.engine.matmul_precision():
            start = time.perf_counter()
            (fitting,) = self._memory.map(lambda part, size: self._fitting_images(images[:1]), count=1, size=1)
            arranging_seconds = time.perf_counter() - start
            groups = self._memory.map(
                lambda part, size: self._craft_group(images[part], classes[part], ids[part], size, fitting),
                len(ids),
                group_size,
            )
        return CraftedBatch(
            images=torch.cat([group.images for group in groups]),
            seconds=sum(group.seconds for group in groups),
            gradient_evaluations=groups[0].gradient_evaluations,
            attribution=_concatenate([group.attribution for group in groups]),
            preparation_seconds=sum(group.preparation_seconds for group in groups),
            attribution_seconds=sum(group.attribution_seconds for group in groups),
            arranging_seconds=arranging_seconds,
        )

    def _fitting_images(self, image: Tensor) -> int:
        """Arrange the surrogate, once, and return how many images like (1, 3, H, W) fit into a pass."""
        with frozen(self.surrogate):
            if not self._optimised:
                self.engine.optimise(self.surrogate, image)
                self._optimised = True
            if not self.attack.objective.feature_level or not self._sharing:
                return 1
            if image.shape not in self._fitting:
                fitting = _unless_out_of_memory(partial(self.engine.images_per_pass, self.surrogate, image))
                self._fitting[image.shape] = fitting or 1
        return self._fitting[image.shape]

    def _craft_group(self, images: Tensor, classes: Tensor, ids: Tensor, size: int, fitting: int) -> CraftedBatch:
        """Craft at most `size` images, with points of a path sharing passes until memory once runs out."""
        craft = partial(self._craft, images, classes, ids, size)
        if not self._sharing or fitting <= size:
            return craft(images_per_pass=size)
        crafted = _unless_out_of_memory(partial(craft, images_per_pass=fitting))
        if crafted is None:
            crafted = craft(images_per_pass=size)
            self._sharing = False
            log.warning(
                "%s: out of memory with %d images in a pass, now points of the path go one by one, so that results may "
                "differ in rounding from those of shared passes; in a new run a smaller engine.pass_mib avoids the "
                "retry",
                self.title,
                fitting,
            )
        return crafted

    def _craft(self, images: Tensor, classes: Tensor, ids: Tensor, size: int, images_per_pass: int) -> CraftedBatch:
        """Craft images, padded to `size`, with `images_per_pass` images in a pass through the surrogate."""
        start = time.perf_counter()
        count = len(images)
        images, classes, ids = (_pad(values, size) for values in (images, classes, ids))
        # Lightning predicts without autograd.
        with torch.enable_grad():
            draws = SeededDraws(self.seed, ids.tolist(), self.pool)
            crafted = self.attack.craft(
                self.surrogate,
                images,
                classes,
                draws,
                images_per_pass=images_per_pass,
                preparation=self.engine.preparation_dtype,
            )
        quantised = self.attack.budget.quantise(crafted.images, images)[:count].cpu()
        seconds = time.perf_counter() - start
        return CraftedBatch(
            images=quantised,
            seconds=seconds,
            gradient_evaluations=crafted.gradient_evaluations,
            attribution=self._attribution_statistics(crafted, images, classes, count),
            preparation_seconds=crafted.preparation_seconds,
            attribution_seconds=time.perf_counter() - start - seconds,
        )

    def _attribution_statistics(
        self, crafted: Crafted, images: Tensor, classes: Tensor, count: int
    ) -> AttributionStatistics | None:
        """Describe the attribution of the first `count` images by the path's gradient that the attack has used."""
        if not crafted.path_gradients:
            return None
        surrogate, gradient = crafted.path_gradients[0]
        shape = tuple(images.shape[1:])
        with frozen(surrogate), torch.no_grad():
            if shape not in self._at_black:
                self._at_black[shape] = surrogate.features_and_logits(torch.zeros_like(images[:1]))
            attributed = attribution_of_path_gradient(surrogate, images, classes, gradient, self._at_black[shape])
            statistics = attribution_statistics(attributed)
        return AttributionStatistics(**{name: values[:count].cpu() for name, values in vars(statistics).items()})


def _unless_out_of_memory(work: Callable[[], R]) -> R | None:
    """Return the result of some work, or None where it needs more memory than there is."""
    try:
        return work()
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    garbage_collection_cuda()  # not above, where the error still holds what filled the memory
    return None


def _pad(values: Tensor, size: int) -> Tensor:
    """Repeat the last of (B, ...) values until there are `size`."""
    last = values[-1:].expand(size - len(values), *values.shape[1:])
    return torch.cat([values, last])


def _concatenate(parts: Sequence[AttributionStatistics | None]) -> AttributionStatistics | None:
    known = [vars(part) for part in parts if part is not None]
    if not known:
        return None
    return AttributionStatistics(**{name: torch.cat([part[name] for part in known]) for name in known[0]})
