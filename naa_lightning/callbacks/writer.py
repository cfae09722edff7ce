"""Saving adversarial images while others are crafted."""

import errno
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import BasePredictionWriter
from torch import Tensor

from naa_lightning.atomic import write_atomically
from naa_lightning.callbacks.background import Background
from naa_lightning.callbacks.stopwatch import Stopwatch
from naa_lightning.data import ImageRecord
from naa_lightning.exceptions import UserError
from naa_lightning.image_file import encode_png
from naa_lightning.modules.crafting import CraftedBatch
from naa_lightning.records.image_digest import image_digest
from naa_lightning.records.manifest import Manifest, SavedImage, adversarial_name, target_class

# A GPU crafts faster than one thread compresses; more threads would take a CPU's cores from crafting.
THREADS = 2


class AdversarialWriter(BasePredictionWriter):
    """Saves one lossless PNG per image once its batch is done, and then its row of the manifest, in the background.

    Args:
        manifest: Manifest of the folder that takes the images.
        records: Images of the data set.
        made_of: Digest of what the images are crafted with, for their rows; see `SavedImage`.
        stopwatch: Stopwatch that counts the seconds for which crafting waits for files.
        folder_option: What is added to the command that goes on, for the message of a full disk.
        waiting: Largest number of images that may wait to be written; the next one waits for the first of them.

    Attributes:
        saved: Rows of the images that are saved; complete after `saving`.
    """

    def __init__(
        self,
        manifest: Manifest,
        records: Sequence[ImageRecord],
        stopwatch: Stopwatch,
        *,
        made_of: str,
        folder_option: str,
        waiting: int = 64,
    ) -> None:
        super().__init__(write_interval="batch")
        self.manifest = manifest
        self.saved: list[SavedImage] = []
        self.records: Mapping[int, ImageRecord] = {record.id: record for record in records}
        self.made_of = made_of
        self._folder_option = folder_option
        self._stopwatch = stopwatch
        self._waiting = waiting
        self._listing = Lock()
        self._background: Background | None = None

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Take batches in a block of code; it ends, however it does, when all of them are saved.

        Raises:
            UserError: The disk takes no more; what was saved before is kept.
        """
        phase = self._stopwatch.phase
        with (
            phase("crafting/files"),
            Background(threads=THREADS, waiting=self._waiting) as self._background,
            phase("crafting/other"),
        ):
            yield

    def write_on_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        prediction: CraftedBatch,
        batch_indices: Sequence[int] | None,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        """Have a batch saved, whose images are multiples of 1/255.

        Raises:
            UserError: An image could not be written; the others of this batch are saved where the disk takes them.
        """
        assert self._background is not None, "batches are taken while `saving`"
        with self._stopwatch.phase("crafting/files"):
            levels = (prediction["adversarial"] * 255).round().to(torch.uint8)
            known = {
                "made_of": self.made_of,
                "seconds": prediction["seconds"].item() / len(levels),
                "gradient_evaluations": int(prediction["gradient_evaluations"]),
            }
            of_image = {name: prediction[name] for name in ("zero_gradients", "non_finite_gradients")}
            of_image |= prediction["attribution"]
            self._background.do(
                *(
                    partial(
                        self._save,
                        levels[index],
                        batch["image"][index],
                        self.records[image_id],
                        known | {name: values[index].item() for name, values in of_image.items()},
                    )
                    for index, image_id in enumerate(prediction["id"].tolist())
                )
            )

    def _save(self, image: Tensor, clean: Tensor, record: ImageRecord, known: Mapping[str, Any]) -> None:
        file = adversarial_name(record)
        content = encode_png(image)
        row = SavedImage(
            id=record.id,
            file=file,
            label=record.label,
            target_class=target_class(record),
            sha256=hashlib.sha256(content).hexdigest(),
            clean_sha256=image_digest(clean),
            **known,
        )
        try:
            write_atomically(self.manifest.folder / file, content)
            with self._listing:
                self.manifest.add(row)
                self.saved.append(row)
        except OSError as error:
            remedy = "make room" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "mend this"
            raise UserError(
                f"{self.manifest.folder / file} cannot be written ({error.strerror}); the images saved so far are "
                f"kept: {remedy} and run the same command with {self._folder_option}"
            ) from error
