"""Data that can be trained on: what is seen in which epoch, and by which of several processes."""

from abc import abstractmethod
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, DistributedSampler

from naa_lightning.class_names import class_name
from naa_lightning.data.datamodule import ImageDataModule
from naa_lightning.data.images import ImageRecord, LabelledImages, Sample, check_labels
from naa_lightning.exceptions import DataError, ModelError
from naa_lightning.validation import check_count


class TrainableData(ImageDataModule):
    """Images to train on and to choose the best epoch on, besides those to attack, on which the model is tested.

    The order of the training images depends on `seed` and the epoch alone, so that a resumed training sees what an
    uninterrupted one sees. Incomplete last training batches are dropped, unless there is no other. Training and
    validation use all their images, whatever the `limit`.

    A trial may `restrict` itself to a few of them. Processes that train together `share` the batches, and Lightning
    must not deal them out again: give the trainer `use_distributed_sampler=False`.

    Args:
        seed: The seed of the order of the training images.
        batch_size: The number of images per batch; in training, per step of all processes together.
        name, num_workers, limit, class_names: See `ImageDataModule`.

    Raises:
        ValueError: A number is out of its range.
    """

    def __init__(
        self,
        *,
        seed: int,
        name: str,
        batch_size: int,
        num_workers: int,
        limit: int | None = None,
        class_names: str | Path | None = None,
    ) -> None:
        super().__init__(
            name=name, batch_size=batch_size, num_workers=num_workers, limit=limit, class_names=class_names
        )
        check_count("seed", seed, 0)
        self.seed = seed
        self._rank = 0
        self._world_size = 1
        self._kept: int | None = None
        self._validates_on_training = False

    @abstractmethod
    def training_images(self) -> LabelledImages:
        """List the images to train on; may be asked more than once.

        Raises:
            DataError: There are none, or the source is malformed.
        """

    @abstractmethod
    def validation_images(self) -> LabelledImages:
        """List the images to choose the best epoch on; may be asked more than once.

        Raises:
            DataError: There are none, or the source is malformed.
        """

    def restrict(self, batches: int | None, *, validate_on_training: bool = False) -> None:
        """Train and validate on a few batches of images, the same ones in every epoch.

        Args:
            batches: The number of batches that images are drawn for, once, of the training and of the validation
                images; None keeps all.
            validate_on_training: Whether the images that are trained on are validated on, too.
        """
        self._kept = batches
        self._validates_on_training = validate_on_training

    def share(self, rank: int, world_size: int) -> None:
        """Make this one of several processes that train together.

        Of every training batch each process gets an equal part, and of the other images every `world_size`-th.

        Args:
            rank: The rank of this process, from 0.
            world_size: The number of processes.

        Raises:
            DataError: A batch cannot be dealt in equal parts.
        """
        if self.batch_size % world_size:
            raise DataError(
                f"`batch_size={self.batch_size}` cannot be dealt to {world_size} processes in equal parts; give "
                f"`batch_size={-(-self.batch_size // world_size) * world_size}`"
            )
        self._rank = rank
        self._world_size = world_size

    def check_training_files(self) -> None:
        """Open the files of the images that are trained, validated and tested on, as `check_files` does.

        Raises:
            DataError: As `check_files`.
        """
        checked: set[tuple[Path | None, str]] = set()
        for images in (self._few(self.training_images()), self._few(self._validated_on()), self.images):
            new = [record for record in images.records if (images.folder, record.file) not in checked]
            if new:
                self._check_files(images.of(new))
            checked |= {(images.folder, record.file) for record in new}

    def train_dataloader(self) -> DataLoader[Sample]:
        """Return batches of the training images, in an order of each epoch's own."""
        images = self._few(self.training_images())
        self._require_one_each(images, "training")
        order: DistributedSampler[Sample] = DistributedSampler(
            images, num_replicas=self._world_size, rank=self._rank, shuffle=True, seed=self.seed, drop_last=True
        )
        return self._shared_batches(images, sampler=order, drop_last=len(images) >= self.batch_size)

    def val_dataloader(self) -> DataLoader[Sample]:
        """Return batches of the validation images, mixed but the same each time."""
        return self._dealt(self._few(self._validated_on()), "validation")

    def test_dataloader(self) -> DataLoader[Sample]:
        """Return batches of the images that are attacked, mixed but the same each time."""
        return self._dealt(self.images, "test")

    def _validated_on(self) -> LabelledImages:
        return self.training_images() if self._validates_on_training else self.validation_images()

    def _few(self, images: LabelledImages) -> LabelledImages:
        """Return the images of so many batches as are kept."""
        if self._kept is None:
            return images
        return images.of(_mixed(images)[: self._kept * self.batch_size])

    def _dealt(self, images: LabelledImages, role: str) -> DataLoader[Sample]:
        """Deal images in an order that mixes their classes, so that the first ones stand for all."""
        self._require_one_each(images, role)
        return self._shared_batches(images.of(_mixed(images)[self._rank :: self._world_size]))

    def _shared_batches(self, images: LabelledImages, **options: Any) -> DataLoader[Sample]:
        batch_size = self.batch_size // self._world_size
        return self._batches(images, batch_size=batch_size, persistent_workers=self.num_workers > 0, **options)

    def _require_one_each(self, images: LabelledImages, role: str) -> None:
        if len(images) < self._world_size:
            raise DataError(
                f"{self.name} has {len(images)} {role} images for {self._world_size} "
                f"process{'es' if self._world_size > 1 else ''}; give as many at least"
            )


def _mixed(images: LabelledImages) -> list[ImageRecord]:
    """Return the records of images in an order that mixes their classes, the same each time."""
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0)).tolist()
    return [images.records[row] for row in order]


def check_trainable(data: TrainableData, num_classes: int, model: str) -> None:
    """Check before training that the training images are of the classes that a model tells apart.

    Args:
        data: The data to train on.
        num_classes: The number of classes that the model tells apart.
        model: The name of the model.

    Raises:
        DataError: A validation image is of another class, or the file of names lacks the class of a training image.
        ModelError: A class has no training image, or the data have more or fewer classes than the model.
    """
    training = data.training_images().records
    data.check_names_cover(training)
    labels = {record.label for record in training}
    known = data.num_classes or len(data.class_names or ()) or None
    classes = known or max(labels, default=-1) + 1
    for label in range(classes):
        if label not in labels:
            raise ModelError(
                f"{data.name} has no training image of {class_name(data.class_names, label)}, one of its {classes} "
                f"classes; add some, or train on the {len(labels)} that it has with `num_classes={len(labels)}`"
            )
    if classes != num_classes:
        lacking = f", or add images of class {classes}" if known is None and classes < num_classes else ""
        raise ModelError(
            f"class counts differ: {data.name} has {classes} classes to train on, and {model} tells {num_classes} "
            f"apart; give `num_classes={classes}`{lacking}"
        )
    check_labels(data.validation_images().records, num_classes)
