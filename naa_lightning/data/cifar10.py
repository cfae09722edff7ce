"""CIFAR-10: 60,000 photographs of 32x32 pixels in ten classes, from a tree of image files or as published."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from http.client import HTTPException
from pathlib import Path
from tarfile import TarError

import numpy as np
import torch
from torch import Tensor
from torchvision.datasets import CIFAR10
from torchvision.datasets.utils import check_integrity

from naa_lightning.data.images import ImageRecord, LabelledImages
from naa_lightning.data.trainable import TrainableData
from naa_lightning.exceptions import DataError, MissingDataError
from naa_lightning.image_file import read_image
from naa_lightning.image_folder import find_images
from naa_lightning.models.connectivity import is_online
from naa_lightning.validation import check_count

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
REMEDY = "name a tree of CIFAR-10's images with `root=PATH`"


class Cifar10Data(TrainableData):
    """CIFAR-10, whose 10,000 test images are attacked.

    An image's id is its row in the training or the test images. Those of a tree are ordered by their rank within their
    class, then by class, so that the first ones are of all classes alike; the published ones keep their order. The
    target class of an image is the next one, (label + 1) % 10.

    Args:
        root: A tree of image files, `train/<class>/*` and `test/<class>/*`; None for the published files in `cache`.
        cache: Folder of the published Python version (https://www.cs.toronto.edu/~kriz/cifar.html).
        download: Whether `cache` may be filled; else only what it holds is used.
        validation_every: The distance, in each class, of the training images that are held out to choose the best
            epoch on.
        seed, name, batch_size: See `TrainableData`.
        num_workers: See `ImageDataModule`. Each process keeps the training images that it has read in memory.
        limit: See `ImageDataModule`.

    Raises:
        ValueError: A number is out of its range.
    """

    num_classes = 10
    class_names = CLASSES

    def __init__(
        self,
        *,
        cache: str | Path,
        root: str | Path | None = None,
        download: bool = True,
        validation_every: int = 25,
        seed: int = 0,
        name: str = "cifar10",
        batch_size: int = 128,
        num_workers: int = 0,
        limit: int | None = None,
    ) -> None:
        super().__init__(seed=seed, name=name, batch_size=batch_size, num_workers=num_workers, limit=limit)
        check_count("validation_every", validation_every, 2)
        self.root = None if root is None else Path(root).expanduser()
        self.cache = Path(cache).expanduser()
        self.download = download
        self.validation_every = validation_every

    def prepare_data(self) -> None:
        """Download what is missing, if it may.

        Raises:
            DataError: The server cannot be reached or gives other files than the published ones.
        """
        if self.root is None and self.download and not _is_complete(self.cache):
            _download(self.cache)

    def load(self) -> LabelledImages:
        """List the test images.

        Raises:
            DataError: There is no copy, or the tree is malformed.
        """
        return _published(self.cache, train=False) if self.root is None else _tree(self.root, "test")

    def training_images(self) -> LabelledImages:
        """List the training images that are not held out.

        Raises:
            DataError: As `load`.
        """
        return self._split[0]

    def validation_images(self) -> LabelledImages:
        """List the training images that are held out.

        Raises:
            DataError: As `load`.
        """
        return self._split[1]

    @cached_property
    def _split(self) -> tuple[LabelledImages, LabelledImages]:
        if self.root is None:
            images = _published(self.cache, train=True)
        else:
            images = _tree(self.root, "train")
            images.read = _ReadOnce(images.read)
        seen: Counter[int] = Counter()
        parts: tuple[list[ImageRecord], list[ImageRecord]] = [], []
        for record in images.records:
            parts[seen[record.label] % self.validation_every == 0].append(record)
            seen[record.label] += 1
        return images.of(parts[0]), images.of(parts[1])


class _ReadOnce:
    """Keeps pixels in memory: to decode the files in every epoch would cost more than to train."""

    def __init__(self, read: Callable[[ImageRecord], Tensor]) -> None:
        self._read = read
        self._pixels: dict[int, Tensor] = {}

    def __call__(self, record: ImageRecord) -> Tensor:
        if record.id not in self._pixels:
            self._pixels[record.id] = self._read(record)
        return self._pixels[record.id]


def _records(files: Sequence[tuple[str, int]]) -> list[ImageRecord]:
    return [
        ImageRecord(row, file, label, target_class=(label + 1) % len(CLASSES))
        for row, (file, label) in enumerate(files)
    ]


def _tree(root: Path, part: str) -> LabelledImages:
    if not root.is_dir():
        raise DataError(f"`root={root}` is not a folder; {REMEDY}")
    for folder in (root / "train", root / "test"):
        _check_classes(folder)
    folder = root / part
    ranked, passed_over = [], Counter[str]()
    for label, name in enumerate(CLASSES):
        found = find_images(folder / name)
        if not found.images:
            raise DataError(f"{folder / name} holds no images; add some, such as .png files")
        ranked += [(rank, label, path.relative_to(folder).as_posix()) for rank, path in enumerate(found.images)]
        passed_over.update(found.passed_over)
    records = _records([(file, label) for _, label, file in sorted(ranked)])
    return LabelledImages(records, partial(_read, folder), folder=folder, passed_over=passed_over)


def _check_classes(folder: Path) -> None:
    if not folder.is_dir():
        raise DataError(f"{folder} is missing: CIFAR-10 is train/<class>/* and test/<class>/*; {REMEDY}")
    found = {path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")}
    differences = {"lacks": set(CLASSES) - found, "has": found - set(CLASSES)}
    told = [f"{verb} {', '.join(sorted(names))}" for verb, names in differences.items() if names]
    if told:
        raise DataError(f"{folder} is not of CIFAR-10's classes: it {' and '.join(told)}; {REMEDY}, or use FolderData")


def _read(folder: Path, record: ImageRecord) -> Tensor:
    pixels = read_image(folder / record.file)
    height, width = pixels.shape[1:]
    if (height, width) != (32, 32):
        raise DataError(
            f"{folder / record.file} is {width}x{height}, and CIFAR-10's images are 32x32; replace it, or use "
            "FolderData with image_size=32"
        )
    return pixels


def _is_complete(cache: Path) -> bool:
    try:
        CIFAR10(cache, train=False)
    except RuntimeError:
        return False
    return True


def _download(cache: Path) -> None:
    archive = cache / CIFAR10.filename
    if not check_integrity(archive, CIFAR10.tgz_md5) and not is_online(CIFAR10.url):
        raise MissingDataError(
            f"{archive} is missing and {CIFAR10.url} is out of reach; connect to the network, or {REMEDY}"
        )
    try:
        CIFAR10(cache, train=False, download=True)
    except (RuntimeError, OSError, HTTPException, TarError, EOFError) as error:
        raise MissingDataError(
            f"{CIFAR10.url} cannot be fetched to {cache} ({error}); run again, or {REMEDY}"
        ) from error


def _published(cache: Path, *, train: bool) -> LabelledImages:
    try:
        published = CIFAR10(cache, train=train)
    except RuntimeError as error:
        raise MissingDataError(
            f"{cache} holds no whole copy of CIFAR-10; {REMEDY}, or fetch it with `root=null` `download=true`"
        ) from error
    files = [(f"{CLASSES[label]}/{row:05d}.png", label) for row, label in enumerate(published.targets)]
    return LabelledImages(_records(files), partial(_row, published.data))


def _row(pixels: np.ndarray, record: ImageRecord) -> Tensor:
    return torch.from_numpy(pixels[record.id]).permute(2, 0, 1)
