"""A folder of one's own images, labelled by a CSV file or by class sub-folders."""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path

from torch import Tensor

from naa_lightning.class_names import imagenet_names
from naa_lightning.data.class_folders import class_folders
from naa_lightning.data.datamodule import MAX_PIXELS
from naa_lightning.data.images import ImageRecord, LabelledImages
from naa_lightning.data.label_file import list_images, require_files
from naa_lightning.data.trainable import TrainableData
from naa_lightning.exceptions import DataError
from naa_lightning.image_file import central_square, read_image
from naa_lightning.image_folder import find_images
from naa_lightning.validation import check_count


class FolderData(TrainableData):
    """Images in a folder, and perhaps images to train on in another one.

    Class folders named by words must be the same in all folders, those named by class indices or WordNet ids must all
    be among those to train on.

    Args:
        root: The folder.
        csv: Label file, absolute or relative to `root`, with the columns `filename` (relative to `root`), `label`
            (from 0) and perhaps `target` (from 0), the class that a targeted attack aims at. Without a file, each
            sub-folder of `root` is a class and there are no targets.
        train: A folder of images to train on, whose sub-folders are the classes; None: there is nothing to train on.
        validation: A folder like `train` of images to choose the best epoch on; None for those of `root`.
        image_size: Resize the shorter side to this (bilinear, antialiased) and crop the central square; None
            leaves images as they are stored.
        max_pixels: The number of pixels that a stored image may have; it bounds the memory that reading takes.
        seed, name, batch_size, num_workers, limit, class_names: See `TrainableData`.

    Raises:
        ValueError: A number is out of its range.
        DataError: The file of names is missing or malformed.
    """

    def __init__(
        self,
        *,
        root: str | Path,
        csv: str | Path | None = None,
        train: str | Path | None = None,
        validation: str | Path | None = None,
        image_size: int | None = None,
        max_pixels: int = MAX_PIXELS,
        seed: int = 0,
        name: str = "folder",
        batch_size: int = 16,
        num_workers: int = 2,
        limit: int | None = None,
        class_names: str | Path | None = None,
    ) -> None:
        super().__init__(
            seed=seed,
            name=name,
            batch_size=batch_size,
            num_workers=num_workers,
            limit=limit,
            class_names=class_names,
        )
        if image_size is not None:
            check_count("image_size", image_size, 1)
        check_count("max_pixels", max_pixels, 1)
        self.root = Path(root).expanduser()
        self.csv = csv
        self.train = None if train is None else Path(train).expanduser()
        self.validation = None if validation is None else Path(validation).expanduser()
        self.image_size = image_size
        self.max_pixels = max_pixels

    def load(self) -> LabelledImages:
        """List the images in the order of the CSV file, or sorted by path.

        Raises:
            DataError: A folder or the CSV file is missing, malformed or empty, or class folders differ.
        """
        self._name_classes()
        if self.csv is None:
            return self._classified(self.root)
        csv = self.root / Path(self.csv).expanduser()
        records = list_images(csv, target_column="target")
        require_files(self.root, records[: self.limit], csv)
        return self._labelled(self.root, records)

    def training_images(self) -> LabelledImages:
        """List the images of `train`, sorted by path.

        Raises:
            DataError: As `load`, or there is no folder of training images, or one of its classes is empty.
        """
        if self.train is None:
            raise DataError(f"{self.name} has no training images: give `train=FOLDER`")
        return self._training

    def validation_images(self) -> LabelledImages:
        """List the images of `validation`, sorted by path, or else all of `root`.

        Raises:
            DataError: As `load`.
        """
        if self.validation is None:
            return self.load()
        self._name_classes()
        return self._classified(self.validation)

    @cached_property
    def _training(self) -> LabelledImages:
        assert self.train is not None
        self._name_classes()
        images = self._classified(self.train)
        filled = {record.file.partition("/")[0] for record in images.records}
        for folder in class_folders(self.train):
            if folder.name not in filled:
                raise DataError(f"{folder} holds no image to train on; add some, or remove the class")
        return images

    def _name_classes(self) -> None:
        parts = {"train": self.train, "validation": self.validation, "root": self.root}
        found = {}
        for key, folder in parts.items():
            if folder is not None and not folder.is_dir():
                raise DataError(f"`{key}={folder}` is not a folder; name the folder that holds the images")
            if folder is not None and (key != "root" or self.csv is None):
                found[key] = [path.name for path in class_folders(folder)]
        check_same_classes(found)
        names = {name for part in found.values() for name in part}
        told = folder_class_names(list(names)) if names else None
        self.class_names = self.names_in_file or told

    def _classified(self, root: Path) -> LabelledImages:
        indices = class_indices([folder.name for folder in class_folders(root)])
        images, passed_over = find_images(root)
        if not images:
            raise DataError(f"no images found in the class folders of {root}; they need files such as .png or .jpg")
        files = [path.relative_to(root) for path in images]
        records = [ImageRecord(i, file.as_posix(), indices[file.parts[0]]) for i, file in enumerate(files)]
        return self._labelled(root, records, passed_over)

    def _labelled(
        self, root: Path, records: list[ImageRecord], passed_over: Mapping[str, int] | None = None
    ) -> LabelledImages:
        read = partial(_read, root, self.image_size)
        return LabelledImages(records, read, folder=root, passed_over=passed_over)


def class_indices(names: list[str]) -> dict[str, int]:
    """Map the names of class folders to class indices.

    Integers are class indices, WordNet ids have their place among the classes of ImageNet-1k, and other names are
    counted in sorted order.

    Raises:
        DataError: A WordNet id is not in ImageNet-1k, or integers or WordNet ids are mixed with other names.

    >>> class_indices(["7", "12"]), class_indices(["n01440764", "n15075141"]), class_indices(["dog", "cat"])
    ({'7': 7, '12': 12}, {'n01440764': 0, 'n15075141': 999}, {'cat': 0, 'dog': 1})
    """
    kinds = {_kind(name): name for name in names}
    if len(kinds) > 1:
        mixed = ", ".join(f"{name} ({kind})" for kind, name in kinds.items())
        raise DataError(
            f"class folders are of different kinds: {mixed}; rename them, or label the images of `root` with `csv`"
        )
    if "class index" in kinds:
        return {name: int(name) for name in names}
    if "WordNet id" in kinds:
        from timm.data.imagenet_info import ImageNetInfo  # noqa: PLC0415 - takes a second to load

        imagenet = ImageNetInfo()
        index = {imagenet.index_to_label_name(i): i for i in range(1000)}
        for name in names:
            if name not in index:
                raise DataError(
                    f"the class folder {name} is no ImageNet-1k class; rename it, or label the images of `root` "
                    "with `csv`"
                )
        return {name: index[name] for name in names}
    return {name: i for i, name in enumerate(sorted(names))}


def folder_class_names(names: list[str]) -> list[str] | None:
    """Return what the classes of class folders are called, by class index; None where the folders do not tell.

    >>> folder_class_names(["dog", "cat"]), folder_class_names(["7", "12"]), folder_class_names(["n01440764"])[0]
    (['cat', 'dog'], None, 'tench')
    """
    kinds = {_kind(name) for name in names}
    if "class index" in kinds:
        return None
    return imagenet_names() if "WordNet id" in kinds else sorted(names)


def check_same_classes(found: Mapping[str, Sequence[str]]) -> None:
    """Check that the class folders of several folders agree.

    Args:
        found: The names of the class folders by the option that named their folder: "train", "validation", "root".

    Raises:
        DataError: A folder lacks a class of the others that it needs: one named by a word, or one to train on.

    >>> check_same_classes({"train": ["cat", "dog"], "root": ["cat"]})
    Traceback (most recent call last):
    naa_lightning.exceptions.DataError: class folders differ: `root` lacks dog; give all folders the same ones
    """
    names = sorted({name for part in found.values() for name in part})
    indices = class_indices(names)
    lacking = []
    for key, part in found.items():
        present = {indices[name] for name in part}
        lacks = [name for name in names if indices[name] not in present]
        if lacks and (key == "train" or _kind(lacks[0]) == "name"):
            lacking.append(f"`{key}` lacks {', '.join(lacks)}")
    if lacking:
        raise DataError(f"class folders differ: {'; '.join(lacking)}; give all folders the same ones")


def _kind(name: str) -> str:
    if re.fullmatch("[0-9]+", name):
        return "class index"
    return "WordNet id" if re.fullmatch("n[0-9]{8}", name) else "name"


def _read(root: Path, image_size: int | None, record: ImageRecord) -> Tensor:
    pixels = read_image(root / record.file)
    return pixels if image_size is None else central_square(pixels, image_size)
