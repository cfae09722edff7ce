"""Labelled images: what every data set is, whatever it is read from."""

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypedDict

import torch
from torch import Tensor
from torch.utils.data import Dataset

from naa_lightning.exceptions import DataError, MissingTargetClassError
from naa_lightning.image_file import InnerFile


@dataclass(frozen=True)
class ImageRecord:
    """One image of a data set.

    Attributes:
        id: Row of the image in the data set's own order, whatever part of the set is used.
        file: Path relative to the data root, with forward slashes.
        label: True class, counted from 0; -1 where it is not known yet.
        target_class: Class that a targeted attack aims at, counted from 0, where the data set names one.
    """

    id: int
    file: str
    label: int
    target_class: int | None = None


class Sample(TypedDict):
    """One item: `image` is a float32 tensor (3, H, W) in [0, 1], `target_class` -1 where the data set names none."""

    image: Tensor
    label: int
    target_class: int
    id: int


class Batch(TypedDict):
    """Collated items: `image` float32 (B, 3, H, W) in [0, 1], `label`, `target_class` and `id` int64 (B,)."""

    image: Tensor
    label: Tensor
    target_class: Tensor
    id: Tensor


class LabelledImages(Dataset[Sample]):
    """Images that are read when they are asked for.

    Args:
        records: The images, in the data set's own order.
        read: A function from a record to the image's pixels, uint8 of shape (3, H, W).
        folder: The data root, in which the records' files are; None where images are read from no files of their own.
        passed_over: The number of files in the data root that are no images, by their suffix.
        inner: A function from a record to its image file where that lies within another file; None where images are
            files of their own, or none.

    Raises:
        DataError: Two images would be saved under one name, the name of a file is not UTF-8, or a file lies outside
            the data root.

    >>> black = LabelledImages([ImageRecord(0, "black.png", 7)], lambda _: torch.zeros(3, 2, 2, dtype=torch.uint8))
    >>> black[0]["label"], black[0]["image"].shape
    (7, torch.Size([3, 2, 2]))
    """

    def __init__(
        self,
        records: Sequence[ImageRecord],
        read: Callable[[ImageRecord], Tensor],
        *,
        folder: Path | None = None,
        passed_over: Mapping[str, int] | None = None,
        inner: Callable[[ImageRecord], InnerFile] | None = None,
    ) -> None:
        _check_saved_names(records)
        self.records = records
        self.read = read
        self.folder = folder
        self.passed_over = passed_over or {}
        self.inner = inner

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Sample:
        record = self.records[index]
        target_class = -1 if record.target_class is None else record.target_class
        return {
            "image": self.read(record).float() / 255,
            "label": record.label,
            "target_class": target_class,
            "id": record.id,
        }

    def stored(self, record: ImageRecord) -> Path | InnerFile | None:
        """Return the file that an image is read from; None where it is read from none of its own."""
        if self.inner is not None:
            return self.inner(record)
        return None if self.folder is None else self.folder / record.file

    def only(self, ids: Collection[int]) -> "LabelledImages":
        """Return the images with these ids, in the data set's order; ids that it lacks are passed over."""
        wanted = frozenset(ids)
        return self.of([record for record in self.records if record.id in wanted])

    def of(self, records: Sequence[ImageRecord]) -> "LabelledImages":
        """Return the images of these records, which are some of its own."""
        images = copy(self)  # whose names are checked
        images.records = records
        return images

    def collate(self, samples: Sequence[Sample]) -> Batch:
        """Stack samples into a batch.

        Raises:
            DataError: The images differ in size.
        """
        files = {record.id: record.file for record in self.records}
        check_one_size([(files[sample["id"]], sample["image"]) for sample in samples])
        return {
            "image": torch.stack([sample["image"] for sample in samples]),
            "label": torch.tensor([sample["label"] for sample in samples]),
            "target_class": torch.tensor([sample["target_class"] for sample in samples]),
            "id": torch.tensor([sample["id"] for sample in samples]),
        }


def check_one_size(images: Sequence[tuple[str, Tensor]]) -> None:
    """Check that images can be stacked.

    Args:
        images: The images of shape (3, H, W), each after the name of its file.

    Raises:
        DataError: The images differ in size.
    """
    (file, first), *others = images
    for other_file, other in others:
        if other.shape != first.shape:
            raise DataError(
                f"images differ in size: {file} is {size_of(first)}, {other_file} is {size_of(other)}; "
                "bring them to one size with `image_size=N` or use `batch_size=1`"
            )


def size_of(image: Tensor) -> str:
    """Return the size of an image of shape (3, H, W) as people write it, width first."""
    return f"{image.shape[2]}x{image.shape[1]}"


def check_labels(records: Iterable[ImageRecord], num_classes: int) -> None:
    """Check that every label and target class is a class of a classifier with `num_classes` outputs.

    Raises:
        DataError: One is not.

    >>> check_labels([ImageRecord(0, "cat.png", 10)], num_classes=10)
    Traceback (most recent call last):
    naa_lightning.exceptions.DataError: cat.png has the label 10, counted from 0; 10 classes permit 0 to 9
    """
    for record in records:
        for role, value in (("label", record.label), ("target class", record.target_class)):
            if value is not None and not 0 <= value < num_classes:
                raise DataError(
                    f"{record.file} has the {role} {value}, counted from 0; "
                    f"{num_classes} classes permit 0 to {num_classes - 1}"
                )


def check_target_classes(records: Iterable[ImageRecord], name: str) -> None:
    """Check that a targeted attack knows for every image which class to aim at.

    Args:
        records: The images.
        name: The name of the data set.

    Raises:
        DataError: An image has no target class, or its own label as target class.

    >>> check_target_classes([ImageRecord(0, "cat.png", 3, target_class=3)], name="pets")
    Traceback (most recent call last):
    naa_lightning.exceptions.DataError: cat.png has its own label 3 as target class; name another class for it
    """
    for record in records:
        if record.target_class is None:
            raise MissingTargetClassError(
                f"a targeted attack needs a target class for every image, and {name} names none for {record.file}: "
                "give `csv` a column 'target'"
            )
        if record.target_class == record.label:
            raise DataError(
                f"{record.file} has its own label {record.label} as target class; name another class for it"
            )


def _check_saved_names(records: Iterable[ImageRecord]) -> None:
    """Check that adversarial images, saved as the record's file with suffix .png, get places of their own."""
    owners: dict[PurePosixPath, str] = {}
    for record in records:
        file = PurePosixPath(record.file)
        if file.is_absolute() or ".." in file.parts:
            raise DataError(f"{record.file} leaves the data root; name files relative to `root`")
        if not _is_utf8(record.file):
            raise DataError(f"{os.fsencode(record.file)!r} is no file name in UTF-8; rename the file")
        saved = file.with_suffix(".png")
        if saved in owners:
            raise DataError(
                f"{owners[saved]} and {record.file} would both be saved as {saved}; rename or remove one of them"
            )
        owners[saved] = record.file
    for folder in {saved.parent for saved in owners}:
        for place in (folder, *folder.parents):
            if place in owners:
                raise DataError(
                    f"{owners[place]} would be saved as {place}, which is the name of a folder of images; rename one "
                    "of the two"
                )


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
