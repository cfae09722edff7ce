"""A folder of one's own images, labelled by a CSV file or by class sub-folders."""

from collections.abc import Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Literal

from torch import Tensor

from naa_lightning.data.class_folders import class_folders
from naa_lightning.data.class_order import ClassOrder
from naa_lightning.data.datamodule import MAX_PIXELS
from naa_lightning.data.imagenet_labels import is_imagenet_file, list_imagenet
from naa_lightning.data.images import ImageRecord, LabelledImages
from naa_lightning.data.label_file import COLUMNS, Labelling, list_images, require_files
from naa_lightning.data.trainable import TrainableData
from naa_lightning.exceptions import DataError, suggest
from naa_lightning.image_file import central_square, read_image
from naa_lightning.image_folder import find_images
from naa_lightning.validation import check_count


class FolderData(TrainableData):
    """Images in a folder, and perhaps images to train on in another one.

    Which classes class folders are is told by those of all folders together; see `class_order`.

    Args:
        root: The folder.
        csv: Label file, absolute or relative to `root`, with the columns `filename` (relative to `root`), `label`
            and perhaps `target`, the class that a targeted attack aims at; or one of ImageNet's own, see
            `naa_lightning.data.imagenet_labels`. Without a file, each sub-folder of `root` is a class and there are no
            targets.
        columns: The heads of the columns `filename`, `label` and `target`, where `csv` calls them otherwise.
        first_label: The number of the first class in `csv`.
        labels: "predicted" takes any images below `root`, without labels, which are to be given by `give_labels`; None
            takes those of `csv` or of class folders.
        class_map: A file that says which class each class folder is; see `read_class_map`.
        train: A folder of images to train on, whose sub-folders are the classes; None: there is nothing to train on.
        validation: A folder like `train` of images to choose the best epoch on; None for those of `root`.
        image_size: Resize the shorter side to this (bilinear, antialiased) and crop the central square; None
            leaves images as they are stored.
        max_pixels: The number of pixels that a stored image may have; it bounds the memory that reading takes.
        seed, name, batch_size, num_workers, limit, class_names: See `TrainableData`.

    Raises:
        ValueError: A number is out of its range, a column is none of those, labels are to be predicted of images that
            have some, or it is said how labels are written where nothing is written so.
        DataError: The file of names or of classes is missing or malformed.
    """

    def __init__(
        self,
        *,
        root: str | Path,
        csv: str | Path | None = None,
        columns: Mapping[str, str] = COLUMNS,
        first_label: int = 0,
        labels: Literal["predicted"] | None = None,
        class_map: str | Path | None = None,
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
        check_count("first_label", first_label, 0)
        for role in columns:
            if role not in COLUMNS:
                raise ValueError(f"there is no column columns.{role}; {suggest(role, COLUMNS)}")
        if labels is not None and not csv is class_map is train is None:
            raise ValueError(
                "labels=predicted is for images without labels: leave out csv, class_map and train, or labels"
            )
        if csv is not None and class_map is not None and train is validation is None:
            raise ValueError(
                "class_map says which class each class folder is, and csv labels the images: leave one out"
            )
        self.root = Path(root).expanduser()
        self.csv = csv
        self.columns = {role: head for role, head in columns.items() if head != COLUMNS[role]}
        if csv is None and (self.columns or first_label):
            raise ValueError(
                "columns and first_label say how a label file is written, and there is none: name it with csv=FILE, or "
                "say which class each class folder is with class_map=FILE"
            )
        self.first_label = first_label
        self.labelled = labels is None
        self.class_map = None if class_map is None else Path(class_map).expanduser()
        self.train = None if train is None else Path(train).expanduser()
        self.validation = None if validation is None else Path(validation).expanduser()
        self.image_size = image_size
        self.max_pixels = max_pixels

    def load(self) -> LabelledImages:
        """List the images in the order of the label file, or sorted by path.

        Raises:
            DataError: A folder or the label file is missing, malformed or empty, or class folders do not tell which
                classes they are.
        """
        self._require_folders()
        if self.csv is None:
            return self._listed(self.root, self._order.indices if self.labelled else None)
        csv = self.root / Path(self.csv).expanduser()
        if is_imagenet_file(csv):
            if self.columns or self.first_label:
                raise DataError(
                    f"{csv} is ImageNet's own, which is read as it is; leave out `columns` and `first_label`"
                )
            return self._labelled(self.root, list_imagenet(csv, self.root))
        labelling = Labelling(self.columns, self.first_label, self.known_names)
        records = list_images(csv, self.root, labelling)
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
        self._require_folders()
        return self._listed(self.validation, self._order.indices)

    @cached_property
    def _training(self) -> LabelledImages:
        assert self.train is not None
        self._require_folders()
        images = self._listed(self.train, self._order.indices)
        filled = {record.file.partition("/")[0] for record in images.records}
        for folder in class_folders(self.train):
            if folder.name not in filled:
                raise DataError(f"{folder} holds no image to train on; add some, or remove the class")
        return images

    @cached_property
    def _order(self) -> ClassOrder:
        """Which classes the class folders are, those of all folders together."""
        folders = [self.train, self.validation, self.root if self.csv is None else None]
        found = sorted({path.name for folder in folders if folder is not None for path in class_folders(folder)})
        return self.order_of(found, self.class_map)

    def _require_folders(self) -> None:
        """Check that the folders are there, and take over what their classes are called."""
        for key, folder in {"train": self.train, "validation": self.validation, "root": self.root}.items():
            if folder is not None and not folder.is_dir():
                raise DataError(f"`{key}={folder}` is not a folder; name the folder that holds the images")
        has_classes = self.train is not None or self.validation is not None or (self.csv is None and self.labelled)
        self.class_names = self.names_in_file or (self._order.names if has_classes else None)

    def _listed(self, root: Path, indices: Mapping[str, int] | None) -> LabelledImages:
        """List the images below a folder, whose sub-folders are these classes; None where they are none."""
        images, passed_over = find_images(root)
        if not images:
            where = f"the class folders of {root}" if indices is not None else root
            raise DataError(f"no images found in {where}; they need files such as .png or .jpg")
        files = [path.relative_to(root) for path in images]
        records = [
            ImageRecord(i, file.as_posix(), -1 if indices is None else indices[file.parts[0]])
            for i, file in enumerate(files)
        ]
        return self._labelled(root, records, passed_over)

    def _labelled(
        self, root: Path, records: list[ImageRecord], passed_over: Mapping[str, int] | None = None
    ) -> LabelledImages:
        read = partial(_read, root, self.image_size)
        return LabelledImages(records, read, folder=root, passed_over=passed_over)


def _read(root: Path, image_size: int | None, record: ImageRecord) -> Tensor:
    pixels = read_image(root / record.file)
    return pixels if image_size is None else central_square(pixels, image_size)
