"""Saving adversarial images while they are crafted."""

import hashlib
import io
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import BasePredictionWriter
from torch import Tensor

from naa_lightning.attack_module import CraftedBatch
from naa_lightning.data import Batch, ImageRecord
from naa_lightning.errors import UserError
from naa_lightning.records.manifest import Manifest, SavedImage, adversarial_name, target_class
from naa_lightning.whole_file import write_whole


class AdversarialWriter(BasePredictionWriter):
    """Saves one lossless PNG per image as soon as its batch is done, and then its row of the manifest.

    Args:
        manifest: Of the folder that takes the images.
        records: The images of the data set.

    Attributes:
        saved: What it has saved.
    """

    def __init__(self, manifest: Manifest, records: Sequence[ImageRecord]) -> None:
        super().__init__(write_interval="batch")
        self.manifest = manifest
        self.saved: list[SavedImage] = []
        self.records: Mapping[int, ImageRecord] = {record.id: record for record in records}

    def write_on_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        prediction: CraftedBatch,
        batch_indices: Sequence[int] | None,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        """Save a batch.

        Raises:
            UserError: The disk takes no more; what was saved before is kept.
        """
        for index, image_id in enumerate(batch["id"].tolist()):
            try:
                self._save(prediction, index, self.records[image_id])
            except OSError as error:
                raise UserError(
                    f"{self.manifest.folder / adversarial_name(self.records[image_id])} cannot be written "
                    f"({error.strerror}); the images saved so far are kept: make room and run the same command with "
                    f"hydra.run.dir={self.manifest.folder.parent}"
                ) from error

    def _save(self, batch: CraftedBatch, index: int, record: ImageRecord) -> None:
        file = adversarial_name(record)
        content = encode_png(batch.images[index])
        write_whole(self.manifest.folder / file, content)
        statistics: dict[str, Any] = {}
        if batch.attribution is not None:
            statistics = {name: float(values[index]) for name, values in vars(batch.attribution).items()}
        row = SavedImage(
            id=record.id,
            file=file,
            label=record.label,
            target_class=target_class(record),
            sha256=hashlib.sha256(content).hexdigest(),
            seconds=batch.seconds / len(batch.images),
            gradient_evaluations=batch.gradient_evaluations,
            **statistics,
        )
        self.manifest.add(row)
        self.saved.append(row)


def encode_png(image: Tensor) -> bytes:
    """Encode a uint8 image (3, H, W).

    Example:
        >>> import torch
        >>> encode_png(torch.zeros(3, 2, 2, dtype=torch.uint8))[1:4]
        b'PNG'
    """
    buffer = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
