"""The DataModule that all image sources share: what is attacked, in what order, in which batches."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytorch_lightning import LightningDataModule
from torch.utils.data import DataLoader

from naa_lightning.data.class_map import read_class_map
from naa_lightning.data.class_names import check_names_cover, check_names_fit, read_class_names
from naa_lightning.data.class_order import ClassOrder, class_order, mapped_order
from naa_lightning.data.file_check import check_files
from naa_lightning.data.images import ImageRecord, LabelledImages, Sample, check_labels
from naa_lightning.data.workers import leave_signals_to_main, useful_workers
from naa_lightning.exceptions import DataError
from naa_lightning.image_folder import describe_passed_over
from naa_lightning.validation import check_count

log = logging.getLogger(__name__)

# Less than the number from which Pillow warns that an image might be made to fill the memory.
MAX_PIXELS = 80_000_000


class ImageDataModule(LightningDataModule, ABC):
    """Labelled images to be attacked, in the data set's own order.

    Args:
        name: The name of the data set in results.
        batch_size: The number of images per batch.
        num_workers: The number of processes that read images; 0 reads in the main process.
        limit: The number of images that are used, the first ones; None uses all.
        class_names: A file of the classes' names, which win over those that the source tells; see `read_class_names`.

    Attributes:
        num_classes: The number of classes that labels count; None where the source does not tell.
        class_names: The names of the classes, known after `setup`; None where neither file nor source tells them.
        max_pixels: The number of pixels that the image in a file may have.
        labelled: Whether the images have their labels, after `setup`; otherwise they must be given by `give_labels`.

    Raises:
        ValueError: A number is out of its range.
        DataError: The file of names is missing or malformed.
    """

    name: str
    num_classes: int | None = None
    class_names: Sequence[str] | None = None
    max_pixels: int = MAX_PIXELS
    labelled: bool = True

    def __init__(
        self,
        *,
        name: str,
        batch_size: int,
        num_workers: int,
        limit: int | None = None,
        class_names: str | Path | None = None,
    ) -> None:
        super().__init__()
        check_count("batch_size", batch_size, 1)
        check_count("num_workers", num_workers, 0)
        if limit is not None:
            check_count("limit", limit, 1)
        self.name = name
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.limit = limit
        self.names_file = None if class_names is None else Path(class_names).expanduser()
        self.names_in_file = None if self.names_file is None else read_class_names(self.names_file)
        self.expected_classes: int | None = None
        self.expected_names: Sequence[str] | None = None
        self._images: LabelledImages | None = None
        self._only: Collection[int] | None = None

    @abstractmethod
    def load(self) -> LabelledImages:
        """List all images that can be attacked; the first `limit` of them must be readable.

        Raises:
            DataError: The source is missing or malformed.
        """

    def expect_classes(self, num_classes: int, names: Sequence[str] | None = None) -> None:
        """Say which classes the models tell apart, before `setup`, for sources whose own order says it only then.

        Args:
            num_classes: The number of classes.
            names: What they are called, by index; None where that is not known.
        """
        self.expected_classes = num_classes
        self.expected_names = names

    @property
    def known_names(self) -> Sequence[str] | None:
        """What the models' classes are called, by index, as the file of names or the models say; None if neither."""
        return self.names_in_file or self.expected_names

    def order_of(self, found: Sequence[str], class_map: Path | None) -> ClassOrder:
        """Tell which class of the models each class of the data is.

        Args:
            found: What the classes of the data are called, in their order.
            class_map: A file that says it; None where their names or their order do.

        Raises:
            DataError: Nothing says it, or the file is refused.
        """
        if class_map is None:
            return class_order(found, self.expected_classes, self.known_names)
        return mapped_order(found, read_class_map(class_map), class_map, self.known_names)

    def setup(self, stage: str) -> None:
        """List the images, once.

        Raises:
            DataError: As `load`, a label is not one of `num_classes`, or the file of names does not fit the labels.
        """
        if self._images is None:
            everything = self.load()
            images = everything.of(everything.records[: self.limit])
            if not images.records:
                raise DataError(f"{self.name} has no images: its label file is empty; add rows to it")
            if self.num_classes is not None and self.labelled:
                check_labels(images.records, self.num_classes)
                self.check_names_fit(self.num_classes, self.name)
            self.check_names_cover(images.records)
            self.class_names = self.names_in_file or self.class_names
            self._images = images

    @property
    def images(self) -> LabelledImages:
        """The first `limit` images; known after `setup`."""
        if self._images is None:
            raise RuntimeError("the images are known after setup()")
        return self._images

    def give_labels(self, labels: Mapping[int, int]) -> None:
        """Give the images the labels that were found for them.

        Args:
            labels: The labels by image id, of all images.
        """
        images = self.images
        self._images = images.of([replace(record, label=labels[record.id]) for record in images.records])
        self.labelled = True

    def check_files(self) -> None:
        """Open the files of the images once, before anything else takes long.

        It is said how many files are passed over, and how many images are transparent.

        Raises:
            DataError: Some cannot be used; the message counts them and names the first ones.
        """
        self._check_files(self.images)

    def _check_files(self, images: LabelledImages) -> None:
        if images.passed_over:
            log.info("%s: %s", images.folder, describe_passed_over(images.passed_over))
        files = [file for record in images.records if (file := images.stored(record)) is not None]
        check_files(files, self.max_pixels)

    def check_names_fit(self, num_classes: int, owner: str) -> None:
        """Check that the file of names, where there is one, names no more classes than data or a model have.

        Args:
            num_classes: The number of classes.
            owner: The name of the data or the model.

        Raises:
            DataError: It does.
        """
        if self.names_file is not None and self.names_in_file is not None:
            check_names_fit(self.names_in_file, self.names_file, num_classes, owner)

    def check_names_cover(self, records: Iterable[ImageRecord]) -> None:
        """Check that the file of names, where there is one, names the classes of images.

        Raises:
            DataError: It does not.
        """
        if self.names_file is not None and self.names_in_file is not None:
            check_names_cover(self.names_in_file, self.names_file, records)

    def only(self, ids: Collection[int]) -> None:
        """Restrict later predict batches to these ids, as a continued run does."""
        self._only = ids

    def predict_dataloader(self) -> DataLoader[Sample]:
        """Return batches of the images to attack, in order."""
        return self._batches(self.images if self._only is None else self.images.only(self._only))

    def _batches(self, images: LabelledImages, **options: Any) -> DataLoader[Sample]:
        """Return batches in order, unless other options of a `DataLoader` are given."""
        options = {"batch_size": self.batch_size, **options}
        num_workers = useful_workers(self.num_workers, len(images), options["batch_size"])
        return DataLoader(
            images,
            collate_fn=images.collate,
            worker_init_fn=leave_signals_to_main,
            num_workers=num_workers,
            **options,
        )


def check_ids(ids: Collection[int], data: ImageDataModule, key: str) -> None:
    """Check that images chosen by id are there.

    Args:
        ids: The ids of the images.
        data: The data, set up.
        key: The option that chose them.

    Raises:
        DataError: One is not among them.
    """
    known = {record.id for record in data.images.records}
    for image in ids:
        if image not in known:
            raise DataError(
                f"{key}: there is no image {image} among the {len(known)} of {data.name}, whose ids are "
                f"{min(known)} to {max(known)}"
            )
