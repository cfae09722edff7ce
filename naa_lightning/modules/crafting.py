"""Crafting adversarial images as a LightningModule's predict step."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypedDict, TypeVar

import torch
from pytorch_lightning.utilities.memory import garbage_collection_cuda
from torch import Tensor, nn

from naa_lightning.attacks import Attack
from naa_lightning.attacks.attack import Crafted
from naa_lightning.attribution import attribution_of_path_gradient, attribution_statistics
from naa_lightning.engine import Engine
from naa_lightning.engine.out_of_memory import AdaptiveChunks, is_out_of_memory
from naa_lightning.exceptions import DataError
from naa_lightning.models import as_surrogate, frozen
from naa_lightning.modules.image_module import ImageModule, ordinary_tensors
from naa_lightning.rng import SeededDraws

log = logging.getLogger(__name__)
R = TypeVar("R")


class CraftedBatch(TypedDict):
    """Adversarial images of a batch, with what they cost, all on the CPU.

    Attributes:
        id: Image ids of shape (B,).
        label: True classes of shape (B,).
        adversarial: Adversarial images of shape (B, 3, H, W) in [0, 1] as float32, within the budget and rounded to
            multiples of 1/255.
        zero_gradients: Number of each image's gradients that were zero, of shape (B,); see `attacks.attack.Crafted`.
        non_finite_gradients: Number of those that were not finite, likewise.
        gradient_evaluations: Number of gradient evaluations per image, a scalar.
        seconds: Crafting time of the batch in seconds, a scalar, without its attribution statistics.
        preparation_seconds: Share of `seconds` until the objective was prepared, a scalar.
        attribution_seconds: Time of the attribution statistics in seconds, a scalar.
        arranging_seconds: Time in seconds, a scalar, to arrange the surrogate for speed and to find what fits into a
            pass.
        attribution: Statistics over the first attacked layer of the first surrogate, by their names in
            `AttributionStatistics`, each of shape (B,); empty for an attack that attributes nothing.
    """

    id: Tensor
    label: Tensor
    adversarial: Tensor
    zero_gradients: Tensor
    non_finite_gradients: Tensor
    gradient_evaluations: Tensor
    seconds: Tensor
    preparation_seconds: Tensor
    attribution_seconds: Tensor
    arranging_seconds: Tensor
    attribution: dict[str, Tensor]


class AttackModule(ImageModule):
    """Crafts adversarial images on a surrogate.

    Libraries round convolutions differently at different batch sizes, and the sign in an attack's step amplifies that.
    At one size they are bit-equal whatever the neighbours. So images pass through the surrogate in padded groups of
    one size, and an image's result does not depend on which others were left for its batch. Only where memory is short,
    points of a path go one by one, and if that does not help, groups are smaller; see `AdaptiveChunks`.

    A checkpoint keeps the surrogate's weights, and of the attack a description in `hparams`: give both to
    `load_from_checkpoint` again.

    Args:
        surrogate: White-box classifier or classifiers, or a network that `as_classifier` takes. They are left as they
            are found, unless there is an engine.
        attack: Attack that is run on the surrogate.
        seed: Seed of every random draw, each of an image's id as well; see `ImageModule.read`.
        batch_size: Number of images in a full batch; None for that of the data loader's first one.
        title: Name of the work in progress bars and messages.
        pool: Clean images of shape (3, h, w) in [0, 1] for attacks that mix images; without any, an image is mixed with
            those of its batch.
        engine: Way of running the surrogate, which it arranges in place; None arranges nothing.

    Example:
        >>> from pytorch_lightning import Trainer
        >>> from torch.utils.data import DataLoader, TensorDataset
        >>> from naa_lightning.attacks import Budget, CrossEntropy, Momentum
        >>> from naa_lightning.models import as_classifier
        >>> network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> surrogate = as_classifier(network, mean=[0.5] * 3, std=[0.5] * 3)
        >>> attack = Attack(objective=CrossEntropy(), update=Momentum(), budget=Budget(eps="8/255"))
        >>> photographs = DataLoader(TensorDataset(torch.rand(3, 3, 8, 8), torch.tensor([0, 1, 3])), batch_size=2)

        An ordinary Trainer and an ordinary DataLoader give adversarial images:

        >>> quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        >>> batches = Trainer(accelerator="cpu", **quiet).predict(AttackModule(surrogate, attack), photographs)
        >>> [batch["id"].tolist() for batch in batches], batches[1]["adversarial"].shape
        ([[0, 1], [2]], torch.Size([1, 3, 8, 8]))
    """

    def __init__(
        self,
        surrogate: nn.Module,
        attack: Attack,
        *,
        seed: int = 0,
        batch_size: int | None = None,
        title: str = "crafting",
        pool: Sequence[Tensor] = (),
        engine: Engine | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters({"attack_setting": repr(attack), "seed": seed, "batch_size": batch_size})
        self.surrogate = as_surrogate(surrogate)
        self.attack = attack
        self.seed = seed
        self.batch_size = batch_size
        self.title = title
        self.pool = pool
        self.engine = engine or Engine()
        self._arranged = engine is None
        self._full_batches: dict[int, int] = {}  # by the number of the data loader
        self._sharing = True
        self._fitting: dict[torch.Size, int] = {}
        self._at_black: dict[tuple[int, ...], tuple[Tensor, Tensor]] = {}
        self._memory = AdaptiveChunks(title)

    def on_predict_start(self) -> None:
        """Forget what holds for one pass alone: weights and data loaders may be others in the next."""
        self._full_batches.clear()
        self._at_black.clear()

    def predict_step(self, batch: object, batch_idx: int, dataloader_idx: int = 0) -> CraftedBatch:
        """Craft one batch of images in [0, 1].

        Args:
            batch: Images, their labels or target classes, and perhaps ids; see `read_batch`.
            batch_idx: Number of the batch in this pass over the data.
            dataloader_idx: Number of the data loader, of several.

        Raises:
            UserError: The batch is of no usual form, a targeted attack gets no target classes, or the memory is too
                small for one image.
        """
        with ordinary_tensors(self.read(batch, batch_idx)) as ordinary:
            images, ids = ordinary["image"], ordinary["id"]
            classes = ordinary["target_class" if self.attack.targeted else "label"]
            if self.attack.targeted and bool((classes < 0).any()):
                raise DataError("a targeted attack needs a target class for every image: give batches `target_class`")
            full_batch = self._full_batches.setdefault(dataloader_idx, self.batch_size or len(ids))
            groups, arranging_seconds = self._crafted(images, classes, ids, full_batch)
            return {
                "id": ids.cpu(),
                "label": ordinary["label"].cpu(),
                "adversarial": torch.cat([group.levels for group in groups]).float() / 255,
                "zero_gradients": torch.cat([group.zero_gradients for group in groups]),
                "non_finite_gradients": torch.cat([group.non_finite_gradients for group in groups]),
                "gradient_evaluations": torch.tensor(groups[0].gradient_evaluations),
                "seconds": _total(group.seconds for group in groups),
                "preparation_seconds": _total(group.preparation_seconds for group in groups),
                "attribution_seconds": _total(group.attribution_seconds for group in groups),
                "arranging_seconds": _total([arranging_seconds]),
                "attribution": {
                    name: torch.cat([group.attribution[name] for group in groups]) for name in groups[0].attribution
                },
            }

    def _crafted(
        self, images: Tensor, classes: Tensor, ids: Tensor, full_batch: int
    ) -> tuple[Sequence["_Group"], float]:
        """Craft images in groups, and return the seconds that arranging the surrogate took, too."""
        pool = self.pool or list(images)
        with self.engine.matmul_precision():
            start = time.perf_counter()
            (fitting,) = self._memory.map(lambda part, size: self._fitting_images(images[:1]), count=1, size=1)
            arranging_seconds = time.perf_counter() - start
            groups = self._memory.map(
                lambda part, size: self._craft_group(images[part], classes[part], ids[part], pool, size, fitting),
                len(ids),
                self.engine.group_size(full_batch, images),
            )
        return groups, arranging_seconds

    def _fitting_images(self, image: Tensor) -> int:
        """Arrange the surrogate, once, and return how many images like (1, 3, H, W) fit into a pass."""
        with frozen(self.surrogate):
            if not self._arranged:
                self.engine.optimise(self.surrogate, image)
                self._arranged = True
            if not self.attack.objective.feature_level or not self._sharing:
                return 1
            if image.shape not in self._fitting:
                fitting = _unless_out_of_memory(partial(self.engine.images_per_pass, self.surrogate, image))
                self._fitting[image.shape] = fitting or 1
        return self._fitting[image.shape]

    def _craft_group(
        self, images: Tensor, classes: Tensor, ids: Tensor, pool: Sequence[Tensor], size: int, fitting: int
    ) -> "_Group":
        """Craft at most `size` images, with points of a path sharing passes until memory once runs out."""
        craft = partial(self._craft, images, classes, ids, pool, size)
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

    def _craft(
        self, images: Tensor, classes: Tensor, ids: Tensor, pool: Sequence[Tensor], size: int, images_per_pass: int
    ) -> "_Group":
        """Craft images, padded to `size`, with `images_per_pass` images in a pass through the surrogate."""
        start = time.perf_counter()
        count = len(images)
        images, classes, ids = (_pad(values, size) for values in (images, classes, ids))
        crafted = self.attack.craft(
            self.surrogate,
            images,
            classes,
            SeededDraws(self.seed, ids.tolist(), pool),
            images_per_pass=images_per_pass,
            preparation=self.engine.preparation_dtype,
        )
        quantised = self.attack.budget.quantise(crafted.images, images)[:count].cpu()
        seconds = time.perf_counter() - start
        return _Group(
            levels=quantised,
            zero_gradients=crafted.zero_gradients[:count].cpu(),
            non_finite_gradients=crafted.non_finite_gradients[:count].cpu(),
            seconds=seconds,
            gradient_evaluations=crafted.gradient_evaluations,
            attribution=self._attribution_statistics(crafted, images, classes, count),
            preparation_seconds=crafted.preparation_seconds,
            attribution_seconds=time.perf_counter() - start - seconds,
        )

    def _attribution_statistics(
        self, crafted: Crafted, images: Tensor, classes: Tensor, count: int
    ) -> dict[str, Tensor]:
        """Describe the attribution of the first `count` images by the path's gradient that the attack has used."""
        if not crafted.path_gradients:
            return {}
        surrogate, gradient = crafted.path_gradients[0]
        shape = tuple(images.shape[1:])
        with frozen(surrogate), torch.no_grad():
            if shape not in self._at_black:
                self._at_black[shape] = surrogate.features_and_logits(torch.zeros_like(images[:1]))
            attributed = attribution_of_path_gradient(surrogate, images, classes, gradient, self._at_black[shape])
            statistics = attribution_statistics(attributed)
        return {name: values[:count].cpu() for name, values in vars(statistics).items()}


@dataclass(frozen=True)
class _Group:
    """Adversarial images that were crafted together, uint8 (B, 3, H, W), and what they cost; see `CraftedBatch`."""

    levels: Tensor
    zero_gradients: Tensor
    non_finite_gradients: Tensor
    gradient_evaluations: int
    seconds: float
    preparation_seconds: float
    attribution_seconds: float
    attribution: dict[str, Tensor]


def _total(seconds: Iterable[float]) -> Tensor:
    return torch.tensor(sum(seconds), dtype=torch.float64)


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
