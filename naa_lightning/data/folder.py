"""A folder of one's own images, labelled by a CSV file or by class sub-folders."""

import re
from functools import partial
from pathlib import Path

from timm.data.imagenet_info import ImageNetInfo
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from naa_lightning.data.class_names import imagenet_names
from naa_lightning.data.datamodule import ImageDataModule, check_at_least
from naa_lightning.data.images import ImageRecord, LabelledImages, read_image
from naa_lightning.data.label_file import list_images, require_files
from naa_lightning.errors import UserError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp"})


class FolderData(ImageDataModule):
    """Images in a folder.

    Args:
        root: The folder.
        csv: Label file, absolute or relative to `root`, with the columns `filename` (relative to `root`), `label`
            (from 0) and perhaps `target` (from 0), the class that a targeted attack aims at. Without a file, each
            sub-folder of `root` is a class and there are no targets.
        image_size: Resize the shorter side to this (bilinear, antialiased) and crop the central square; None
            leaves images as they are stored.
        name: As in `ImageDataModule`.
        batch_size: As in `ImageDataModule`.
        num_workers: As in `ImageDataModule`.
        limit: As in `ImageDataModule`.

    Raises:
        ValueError: A number is out of its range.
    """

    def __init__(
        self,
        *,
        root: str | Path,
        csv: str | Path | None = None,
        image_size: int | None = None,
        name: str = "folder",
        batch_size: int = 16,
        num_workers: int = 2,
        limit: int | None = None,
    ) -> None:
        super().__init__(name=name, batch_size=batch_size, num_workers=num_workers, limit=limit)
        if image_size is not None:
            check_at_least("image_size", image_size, least=1)
        self.root = Path(root).expanduser()
        self.csv = csv
        self.image_size = image_size

    def load(self) -> LabelledImages:
        """Lists the images in the order of the CSV file, or sorted by path.

        Raises:
            UserError: The folder or the CSV file is missing, malformed or empty.
        """
        if not self.root.is_dir():
            raise UserError(f"data.root={self.root} is not a folder; name the folder that holds the images")
        if self.csv is None:
            folders = _class_folders(self.root)
            records = _records_of_class_folders(self.root, folders)
            self.class_names = folder_class_names([folder.name for folder in folders])
        else:
            records = _records_of_csv(self.root, self.root / Path(self.csv).expanduser())
        if not records:
            raise UserError(f"no images found in {self.root}; it needs files of {', '.join(sorted(SUFFIXES))}")
        return LabelledImages(records, partial(_read, self.root, self.image_size))


def class_indices(names: list[str]) -> dict[str, int]:
    """Maps the names of class folders to class indices.

    Integers are class indices, WordNet ids have their place among the classes of ImageNet-1k, and other names are
    counted in sorted order.

    Raises:
        UserError: A WordNet id is not in ImageNet-1k, or integers or WordNet ids are mixed with other names.

    >>> class_indices(["7", "12"]), class_indices(["n01440764", "n15075141"]), class_indices(["dog", "cat"])
    ({'7': 7, '12': 12}, {'n01440764': 0, 'n15075141': 999}, {'cat': 0, 'dog': 1})
    """
    kinds = {_kind(name): name for name in names}
    if len(kinds) > 1:
        mixed = ", ".join(f"{name} ({kind})" for kind, name in kinds.items())
        raise UserError(f"class folders are of different kinds: {mixed}; rename them or label the images with data.csv")
    if "class index" in kinds:
        return {name: int(name) for name in names}
    if "WordNet id" in kinds:
        imagenet = ImageNetInfo()
        index = {imagenet.index_to_label_name(i): i for i in range(1000)}
        for name in names:
            if name not in index:
                raise UserError(f"the class folder {name} is no ImageNet-1k class; label the images with data.csv")
        return {name: index[name] for name in names}
    return {name: i for i, name in enumerate(sorted(names))}


def folder_class_names(names: list[str]) -> list[str] | None:
    """Returns what the classes of class folders are called, by class index; None where the folders do not tell.

    >>> folder_class_names(["dog", "cat"]), folder_class_names(["7", "12"]), folder_class_names(["n01440764"])[0]
    (['cat', 'dog'], None, 'tench')
    """
    kinds = {_kind(name) for name in names}
    if "class index" in kinds:
        return None
    return imagenet_names() if "WordNet id" in kinds else sorted(names)


def _kind(name: str) -> str:
    if re.fullmatch("[0-9]+", name):
        return "class index"
    return "WordNet id" if re.fullmatch("n[0-9]{8}", name) else "name"


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file()


def _class_folders(root: Path) -> list[Path]:
    visible = [path for path in sorted(root.iterdir()) if not path.name.startswith(".")]
    stray = [path for path in visible if _is_image(path)]
    if stray:
        raise UserError(f"{stray[0]} lies in no class folder; label images with data.csv=FILE or move them into one")
    return [path for path in visible if path.is_dir()]


def _records_of_class_folders(root: Path, folders: list[Path]) -> list[ImageRecord]:
    indices = class_indices([folder.name for folder in folders])
    found = [
        (path.relative_to(root).as_posix(), indices[folder.name])
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if _is_image(path)
    ]
    return [ImageRecord(i, file, label) for i, (file, label) in enumerate(found)]


def _records_of_csv(root: Path, csv: Path) -> list[ImageRecord]:
    records = list_images(csv, target_column="target")
    require_files(root, records, csv)
    return records


def _read(root: Path, image_size: int | None, record: ImageRecord) -> Tensor:
    pixels = read_image(root / record.file)
    if image_size is None:
        return pixels
    resized = transforms.resize(pixels, [image_size], antialias=True)
    cropped: Tensor = transforms.center_crop(resized, [image_size, image_size])
    return cropped
