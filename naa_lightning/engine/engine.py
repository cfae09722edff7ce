"""The choices that make crafting fast."""

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from naa_lightning.engine.compiling import compile_parts
from naa_lightning.engine.equivalence import answers
from naa_lightning.engine.folding import fold_batch_norms
from naa_lightning.engine.fusing import FusedLayers
from naa_lightning.engine.memory import kept_bytes
from naa_lightning.models import Classifier, Ensemble
from naa_lightning.models.precision import autocast_to
from naa_lightning.validation import check_at_least

# On a CPU, groups of this many pixels are nearly as fast per image as larger ones.
CPU_GROUP_PIXELS = 3 * 2**18
CPU_PASS_MIB = 256
# Of a GPU's memory.
GPU_PASS_SHARE = 0.25


@dataclass(frozen=True, kw_only=True)
class Engine:
    """How a surrogate is run while images are crafted; what is computed stays the same but for rounding.

    Args:
        group_images: Images that are crafted together; None: on a CPU as many as are fast, elsewhere the whole batch.
        pass_mib: MiB that the activations of a pass may take where an objective is averaged over many, such as points
            of a path; None: 256 on a CPU, a quarter of a GPU's memory.
        tf32: Whether a GPU multiplies float32 numbers as TensorFloat-32, rounded to 10 bits.
        compile: A mode of `torch.compile`, see `compile_parts`; None compiles nothing.
        preparation: What objectives are made ready in, such as weights averaged over a path, over which rounding
            averages out as well; None: in the precision of steps.

    Raises:
        ValueError: A value is out of range.
    """

    group_images: int | None = None
    pass_mib: int | None = None
    tf32: bool = False
    compile: Literal["default", "reduce-overhead", "max-autotune"] | None = None
    preparation: Literal["bfloat16"] | None = None

    def __post_init__(self) -> None:
        for key in ("group_images", "pass_mib"):
            value = getattr(self, key)
            if value is not None:
                check_at_least(key, value, 1)

    def arrange(self, surrogate: Classifier | Ensemble, images: Tensor) -> AbstractContextManager[object]:
        """Arrange a surrogate's networks for speed, in place.

        Args:
            surrogate: Frozen.
            images: (B, 3, H, W) in [0, 1], to see by.

        Returns:
            A context to run the surrogate in, again and again.
        """
        with torch.autocast(images.device.type, enabled=False):
            for classifier in _classifiers(surrogate):
                fold_batch_norms(classifier, images)
        if images.device.type == "cpu" or self.tf32 or torch.is_autocast_enabled(images.device.type):
            surrogate.to(memory_format=torch.channels_last)  # a GPU's units for plain float32 prefer the usual order
        if self.compile is not None:
            for classifier in _classifiers(surrogate):
                compile_parts(classifier, self.compile)
        elif images.device.type == "cpu" and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
            with torch.autocast("cpu", enabled=False):
                return FusedLayers(lambda: [answers(classifier, images) for classifier in _classifiers(surrogate)])
        return nullcontext()

    @property
    def preparation_dtype(self) -> torch.dtype | None:
        """See `preparation`."""
        return None if self.preparation is None else torch.bfloat16

    def group(self, batch_size: int, images: Tensor) -> int:
        """Return how many images (B, 3, H, W) of a full batch are crafted together, so that groups are of one size."""
        most = self.group_images
        if most is None:
            pixels = images.shape[2] * images.shape[3]
            most = max(1, CPU_GROUP_PIXELS // pixels) if images.device.type == "cpu" else batch_size
        return math.ceil(batch_size / math.ceil(batch_size / most))

    def images_per_pass(self, surrogate: Classifier | Ensemble, image: Tensor) -> int:
        """Return how many images fit into a pass through the surrogate, or through any member.

        Args:
            surrogate: Frozen.
            image: (1, 3, H, W) in [0, 1].
        """
        with autocast_to(self.preparation_dtype, image.device):
            kept = max(kept_bytes(classifier, image) for classifier in _classifiers(surrogate))
        return max(1, self._pass_bytes(image.device) // max(1, kept))

    def _pass_bytes(self, device: torch.device) -> int:
        if self.pass_mib is not None:
            return self.pass_mib * 2**20
        if device.type == "cuda":
            return int(GPU_PASS_SHARE * torch.cuda.get_device_properties(device).total_memory)
        return CPU_PASS_MIB * 2**20

    @contextmanager
    def products(self) -> Iterator[None]:
        """Multiply float32 numbers as wanted; on leaving, what was set before is set again."""
        matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
        before = matmul.allow_tf32, cudnn.allow_tf32
        matmul.allow_tf32 = cudnn.allow_tf32 = self.tf32
        try:
            yield
        finally:
            matmul.allow_tf32, cudnn.allow_tf32 = before


def _classifiers(surrogate: Classifier | Ensemble) -> Sequence[Classifier]:
    return surrogate.members if isinstance(surrogate, Ensemble) else [surrogate]
