"""What all modules have in common that work on images in [0, 1]."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar, cast

import torch
from pytorch_lightning import LightningModule
from torch import Tensor

from naa_lightning.data import Batch
from naa_lightning.models.precision import check_precision
from naa_lightning.modules.batch import read_batch

B = TypeVar("B", bound=Mapping[str, object])


class ImageModule(LightningModule):
    """A LightningModule that works on images.

    A step that calls `read` takes batches as an ordinary DataLoader gives them. Those that compare clean images with
    adversarial ones take a `naa_lightning.records.PairBatch`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._rank, self._ranks = 0, 1
        self._seen = {True: 0, False: 0}  # images of this pass, in training and otherwise

    def setup(self, stage: str) -> None:
        """Refuse a trainer that would round the images, before anything is converted.

        Args:
            stage: What the trainer is about to do.

        Raises:
            ModelError: The trainer's precision is true half precision.
        """
        check_precision(str(self.trainer.precision))
        self._rank, self._ranks = self.trainer.global_rank, self.trainer.world_size

    def read(self, batch: object, batch_idx: int) -> Batch:
        """Return a batch of any usual form in one form; see `read_batch`.

        Where it names no ids, an image's id is its place in this pass, which several ranks are dealt in turns: its row
        in the data where the loader keeps their order, and another one in every pass where it shuffles. What goes on
        within a pass, as a training may from a checkpoint, counts anew from there.

        Args:
            batch: The batch.
            batch_idx: The number of the batch in this pass over the data.
        """
        if batch_idx == 0:
            self._seen[self.training] = 0
        read = read_batch(batch, first=self._seen[self.training] * self._ranks + self._rank, step=self._ranks)
        self._seen[self.training] += len(read["id"])
        return read


@contextmanager
def ordinary_tensors(batch: B) -> Iterator[B]:
    """Leave inference mode, as far as it is on, with a batch that knows nothing of it; gradients are off.

    What is made in inference mode can never again take part in computing gradients: neither images that an attack
    differentiates, nor what a network keeps of a pass for later ones.

    Args:
        batch: A batch of tensors, by name.

    Example:
        >>> with torch.inference_mode(), ordinary_tensors({"image": torch.zeros(1, 3, 2, 2)}) as batch:
        ...     batch["image"].is_inference(), torch.is_inference_mode_enabled(), torch.is_grad_enabled()
        (False, False, False)
    """
    with torch.inference_mode(mode=False), torch.no_grad():
        copied = {
            name: value.clone() if isinstance(value, Tensor) and value.is_inference() else value
            for name, value in batch.items()
        }
        yield cast("B", copied)
