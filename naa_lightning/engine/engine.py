"""How a surrogate is run while images are crafted."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from naa_lightning.engine.compiling import compile_submodules
from naa_lightning.engine.folding import fold_batch_norms
from naa_lightning.engine.memory import saved_tensor_bytes
from naa_lightning.models import Classifier, Ensemble
from naa_lightning.models.precision import autocast_to
from naa_lightning.validation import check_at_least

# On a CPU, groups of this many pixels are nearly as fast per image as larger ones.
CPU_GROUP_PIXELS = 3 * 2**18
CPU_PASS_MIB = 256
GPU_PASS_SHARE = 0.25


@dataclass(frozen=True, kw_only=True)
class Engine:
    """How a surrogate is run while images are crafted; no choice changes results by more than rounding.

    Args:
        group_images: The largest number of images that are crafted together. None means as many as are fast on a CPU,
            and the whole batch elsewhere.
        pass_mib: The MiB that the saved activations of a pass may take where an objective is averaged over many, such
            as the points of a path. None means 256 on a CPU and a quarter of a GPU's memory.
        fold: Whether batch normalisations are folded into the convolutions before them.
        tf32: Whether a GPU multiplies float32 numbers as TensorFloat-32, rounded to 10 bits.
        compile: The mode of `torch.compile`, see `compile_submodules`. None compiles nothing.
        preparation: The precision in which an objective is prepared, such as weights averaged over a path, where
            rounding averages out as well. None means that of the steps.

    Raises:
        ValueError: A value is out of range.
    """

    group_images: int | None = None
    pass_mib: int | None = None
    fold: bool = True
    tf32: bool = False
    compile: Literal["default", "reduce-overhead", "max-autotune"] | None = None
    preparation: Literal["bfloat16"] | None = None

    def __post_init__(self) -> None:
        for key in ("group_images", "pass_mib"):
            value = getattr(self, key)
            if value is not None:
                check_at_least(key, value, 1)

    def optimise(self, surrogate: Classifier | Ensemble, images: Tensor) -> None:
        """Optimise a surrogate's networks for speed, in place.

        Args:
            surrogate: The frozen classifier or ensemble.
            images: Images of shape (B, 3, H, W) in [0, 1] for the passes that check the changes.
        """
        if self.fold:
            with torch.autocast(images.device.type, enabled=False):
                for classifier in surrogate.members:
                    fold_batch_norms(classifier, images)
        if images.device.type == "cpu" or self.tf32 or torch.is_autocast_enabled(images.device.type):
            surrogate.to(memory_format=torch.channels_last)  # a GPU's units for plain float32 prefer the usual order
        if self.compile is not None:
            for classifier in surrogate.members:
                compile_submodules(classifier, self.compile)

    @property
    def preparation_dtype(self) -> torch.dtype | None:
        """The data type of `preparation`; None means that of the steps."""
        return None if self.preparation is None else torch.bfloat16

    def group_size(self, batch_size: int, images: Tensor) -> int:
        """Return how many images of a full batch are crafted together, so that groups are of one size.

        Args:
            batch_size: The number of images in a full batch.
            images: Images of shape (B, 3, H, W).
        """
        most = self.group_images
        if most is None:
            pixels = images.shape[2] * images.shape[3]
            most = max(1, CPU_GROUP_PIXELS // pixels) if images.device.type == "cpu" else batch_size
        return math.ceil(batch_size / math.ceil(batch_size / most))

    def images_per_pass(self, surrogate: Classifier | Ensemble, image: Tensor) -> int:
        """Return how many images fit into a pass through the surrogate, or through any member of an ensemble.

        Args:
            surrogate: The frozen classifier or ensemble.
            image: An image of shape (1, 3, H, W) in [0, 1].
        """
        with autocast_to(self.preparation_dtype, image.device):
            saved = max(saved_tensor_bytes(classifier, image) for classifier in surrogate.members)
        return max(1, self._pass_bytes(image.device) // max(1, saved))

    def _pass_bytes(self, device: torch.device) -> int:
        if self.pass_mib is not None:
            return self.pass_mib * 2**20
        if device.type == "cuda":
            return int(GPU_PASS_SHARE * torch.cuda.get_device_properties(device).total_memory)
        return CPU_PASS_MIB * 2**20

    @contextmanager
    def matmul_precision(self) -> Iterator[None]:
        """Multiply float32 numbers as `tf32` says until the context is left."""
        matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
        before = matmul.allow_tf32, cudnn.allow_tf32
        matmul.allow_tf32 = cudnn.allow_tf32 = self.tf32
        try:
            yield
        finally:
            matmul.allow_tf32, cudnn.allow_tf32 = before
