"""Data sets in the formats of Hugging Face's library `datasets`, published ones and those in local files."""

import os
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from torch import Tensor

from naa_lightning.data.datamodule import MAX_PIXELS, ImageDataModule
from naa_lightning.data.images import ImageRecord, LabelledImages
from naa_lightning.data.label_file import Labelling
from naa_lightning.exceptions import DataError, MissingDataError, reason_of, suggest
from naa_lightning.image_file import InnerFile, central_square, read_image
from naa_lightning.models.connectivity import is_online
from naa_lightning.validation import check_count

if TYPE_CHECKING:
    from datasets import Dataset

HUB = "https://huggingface.co"
COLUMNS: Mapping[str, str | None] = {"image": None, "label": None}
LABEL_COLUMNS = ("label", "labels", "fine_label", "cls", "class", "target", "class_id", "category")
"""Columns of integers that are labels by their name, the first ones first."""
KEY = "__key__"
"""The column in which WebDataset keeps what an example is called."""


class HuggingFaceData(ImageDataModule):
    """Labelled images of a data set that `datasets` reads: Parquet, WebDataset, folders of images and others.

    No code of a data set is ever run. Its files are converted into those of the library's cache, unless they are as
    `save_to_disk` leaves them. An image's id is its row. It is called as its own path or `__key__` says where all
    images have one of their own, and else by its row.

    Labels are a column of class names or integers. Which classes of the models those are that have names is told as of
    class folders, but that they are counted in the data set's own order; see `class_order`.

    Args:
        dataset: A local file (.parquet, .tar and others) or folder, or else the id of a published data set.
        split: The split, such as "validation" or "test[:100]"; None for the only one.
        subset: The configuration of a data set that has several; None for its first one.
        revision: The commit, branch or tag of a published data set; None for the newest.
        columns: The columns `image` and `label`; None for the first one of images, and for the first one of classes or
            else of integers that is called as one of `LABEL_COLUMNS`.
        first_label: The number of the first class, in a column of integers alone.
        class_map: A file that says which class each class is, of those that the data set names; see `read_class_map`.
        image_size: Resize the shorter side to this (bilinear, antialiased) and crop the central square; None
            leaves images as they are stored.
        max_pixels: The number of pixels that a stored image may have; it bounds the memory that reading takes.
        cache: The folder of the library's cache; None for its own.
        name, batch_size, num_workers, limit, class_names: See `ImageDataModule`.

    Raises:
        ValueError: A number is out of its range, or a column is none of those.
        DataError: The file of names is missing or malformed.
    """

    def __init__(
        self,
        *,
        dataset: str,
        split: str | None = None,
        subset: str | None = None,
        revision: str | None = None,
        columns: Mapping[str, str | None] = COLUMNS,
        first_label: int = 0,
        class_map: str | Path | None = None,
        image_size: int | None = None,
        max_pixels: int = MAX_PIXELS,
        cache: str | Path | None = None,
        name: str = "huggingface",
        batch_size: int = 16,
        num_workers: int = 2,
        limit: int | None = None,
        class_names: str | Path | None = None,
    ) -> None:
        super().__init__(
            name=name, batch_size=batch_size, num_workers=num_workers, limit=limit, class_names=class_names
        )
        if image_size is not None:
            check_count("image_size", image_size, 1)
        check_count("max_pixels", max_pixels, 1)
        check_count("first_label", first_label, 0)
        for role in columns:
            if role not in COLUMNS:
                raise ValueError(f"there is no column columns.{role}; {suggest(role, COLUMNS)}")
        self.dataset = dataset
        self.split = split
        self.subset = subset
        self.revision = revision
        self.columns = {**COLUMNS, **columns}
        self.first_label = first_label
        self.class_map = None if class_map is None else Path(class_map).expanduser()
        self.image_size = image_size
        self.max_pixels = max_pixels
        self.cache = None if cache is None else Path(cache).expanduser()

    def load(self) -> LabelledImages:
        """List the images of the split, downloaded if need be.

        Raises:
            DataError: The library is missing, the data set cannot be had or read, a column is not there, or an option
                says something of it that it does not have.
        """
        with _library_errors(self.dataset):
            rows = self._rows()
            image, label = self._column(rows, "image", _image_columns), self._column(rows, "label", _label_columns)
            labels = self._labels(rows, label)
            files = rows.select_columns([image])
            inner = partial(_inner_file, files, image, self._places())
            read = partial(_read, inner, self.image_size)
            names = _own_names(rows, image, Path(self.dataset).expanduser())
        numbered = [f"{row:08d}.png" for row in range(len(labels))]
        try:
            return LabelledImages(_records(names or numbered, labels), read, inner=inner)
        except DataError:  # names that are no places for files of their own
            return LabelledImages(_records(numbered, labels), read, inner=inner)

    def _rows(self) -> "Dataset":
        """Return the rows of the split, whose images are left encoded."""
        datasets = _library()
        place = Path(self.dataset).expanduser()
        if place.exists() and self.revision is not None:
            raise DataError(f"`revision={self.revision}` is of published data sets, and {place} is here; leave it out")
        if (place / "state.json").is_file() or (place / "dataset_dict.json").is_file():
            if self.subset is not None:
                raise DataError(f"`subset={self.subset}` is none of {place}, which save_to_disk has left; leave it out")
            saved = datasets.load_from_disk(str(place))
            splits = {str(saved.split or ""): saved} if isinstance(saved, datasets.Dataset) else dict(saved)
            split = self._split_of(splits)
            if split not in splits:
                raise DataError(
                    f"`split={split}` is a part, which save_to_disk does not know; give the first N by `limit=N`"
                )
            rows = splits[split]
        else:
            builder = self._builder(place)
            split = self._split_of(builder.config.data_files or builder.info.splits or {})
            builder.download_and_prepare()
            rows = builder.as_dataset(split=split)
        for name, feature in rows.features.items():
            if isinstance(feature, datasets.Image):
                rows = rows.cast_column(name, datasets.Image(decode=False))
        return rows

    def _builder(self, place: Path) -> Any:
        datasets = _library()
        options = {"name": self.subset, "cache_dir": None if self.cache is None else str(self.cache)}
        if place.is_dir():
            return datasets.load_dataset_builder(str(place), **options)
        if place.is_file():
            return datasets.load_dataset_builder(str(place.parent), data_files=[place.name], **options)
        if not datasets.config.HF_HUB_OFFLINE and not is_online(HUB):
            raise MissingDataError(
                f"`dataset={self.dataset}` is no file or folder here, and {HUB} is out of reach; connect to the "
                "network, name local files, or set HF_HUB_OFFLINE=1 where it was fetched before"
            )
        return datasets.load_dataset_builder(self.dataset, revision=self.revision, **options)

    def _places(self) -> list[Path]:
        """Return the folders whose files rows may name: the local data set's own, and the caches of published ones."""
        from huggingface_hub.constants import HF_HUB_CACHE  # noqa: PLC0415 - comes with datasets

        place = Path(self.dataset).expanduser()
        if place.exists():
            return [_folder(place)]
        caches = [HF_HUB_CACHE, _library().config.HF_DATASETS_CACHE, self.cache]
        return [Path(os.path.normpath(Path(cache).absolute())) for cache in caches if cache is not None]

    def _split_of(self, splits: Mapping[Any, Any]) -> str:
        """Return the split that is wanted, which is one of these, or a part of one."""
        names = [str(name) for name in splits]
        if self.split is None:
            if len(names) == 1:
                return names[0]
            raise DataError(f"{self.dataset} has the splits {', '.join(names)}; choose one with `split={names[0]}`")
        wanted = self.split.partition("[")[0]
        if names == [""] or not names:  # it does not say which it is, or not before it is read
            return names[0] if names else self.split
        if wanted not in names:
            raise DataError(f"{self.dataset} has no split {wanted}; {suggest(wanted, names)}")
        return self.split

    def _column(self, rows: "Dataset", role: str, usual: Callable[["Dataset"], list[str]]) -> str:
        wanted, names = self.columns[role], rows.column_names
        if wanted is not None and wanted not in names:
            raise DataError(f"`columns={{{role}:{wanted}}}` is no column of {self.dataset}; {suggest(wanted, names)}")
        found = usual(rows) if wanted is None else [wanted]
        if not found:
            raise DataError(
                f"none of the columns of {self.dataset}, {', '.join(names)}, holds {role}s; name one with "
                f"`columns={{{role}:NAME}}`"
            )
        return found[0]

    def _labels(self, rows: "Dataset", column: str) -> list[int]:
        """Return the labels as classes of the models."""
        datasets = _library()
        feature, values = rows.features[column], rows.select_columns([column])[column][:]
        if isinstance(feature, datasets.ClassLabel) and feature.names:
            if self.first_label:
                raise DataError(
                    f"{self.dataset} names the classes of its column {column}, so that `first_label` says nothing; "
                    "leave it out, or say which class each is with `class_map=FILE`"
                )
            order = self.order_of(feature.names, self.class_map)
            self.class_names = order.names
            classes = [order.indices[name] for name in feature.names]
            for row, value in enumerate(values):
                if value is None or value < 0:
                    raise DataError(f"{self.dataset}, row {row}: it has no label; choose a split that has labels")
            return [classes[value] for value in values]
        if self.class_map is not None:
            raise DataError(
                f"the column {column} of {self.dataset} holds numbers or texts and no named classes, which `class_map` "
                "is about; leave it out"
            )
        labelling = Labelling(first_label=self.first_label, names=self.known_names)
        return [
            labelling.class_of("" if value is None else str(value), f"{self.dataset}, row {row}")
            for row, value in enumerate(values)
        ]


def _library() -> Any:
    try:
        import datasets  # noqa: PLC0415 - an extra, and takes seconds to load
    except ImportError as error:
        raise DataError(
            f"data sets of Hugging Face need the library datasets ({reason_of(error)}): pip install "
            "'naa_lightning[huggingface]'"
        ) from error
    datasets.disable_progress_bars()
    return datasets


@contextmanager
def _library_errors(dataset: str) -> Iterator[None]:
    """Say in one line what the library finds wrong, which may fail in any way."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        cause = error.__cause__ if error.__cause__ is not None else error  # such as of "generating the data failed"
        raise DataError(
            f"`dataset={dataset}` cannot be read ({reason_of(cause)}); correct the id or path, or its files"
        ) from error


def _image_columns(rows: "Dataset") -> list[str]:
    """Return the columns that hold images: as such, or else as bytes."""
    features = rows.features.items()
    as_such = [name for name, feature in features if isinstance(feature, _library().Image)]
    return as_such or [name for name, feature in features if _holds_bytes(feature)]


def _holds_bytes(feature: Any) -> bool:
    if isinstance(feature, dict):
        return "bytes" in feature
    return getattr(feature, "dtype", None) in {"binary", "large_binary"}


def _label_columns(rows: "Dataset") -> list[str]:
    """Return the columns that hold labels: of classes, or else those that are called so."""
    classes = [name for name, feature in rows.features.items() if isinstance(feature, _library().ClassLabel)]
    return classes or [name for name in LABEL_COLUMNS if name in rows.features]


def _own_names(rows: "Dataset", image: str, place: Path) -> list[str] | None:
    """Return what the images are called by themselves; None where one is not."""
    flat = rows.flatten()
    column = next((name for name in (f"{image}.path", KEY) if name in flat.column_names), None)
    if column is None:
        return None
    names = flat.select_columns([column])[column][:]
    if not all(isinstance(name, str) and name for name in names):
        return None
    return [_relative(name if PurePosixPath(name).suffix else f"{name}.png", place) for name in names]


def _relative(name: str, place: Path) -> str:
    """Return a path relative to a local data set's folder or archive, if it lies there."""
    path, root = Path(name.partition("::")[0].removeprefix("zip://")), _folder(place)
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def _folder(place: Path) -> Path:
    """Return the folder of a local data set, which a file of it is in."""
    return (place if place.is_dir() else place.parent).resolve()


def _records(names: Sequence[str], labels: Sequence[int]) -> list[ImageRecord]:
    return [ImageRecord(row, name, label) for row, (name, label) in enumerate(zip(names, labels, strict=True))]


def _inner_file(files: "Dataset", column: str, places: Sequence[Path], record: ImageRecord) -> InnerFile:
    return InnerFile(record.file, partial(_content, files, column, places, record.id))


def _content(files: "Dataset", column: str, places: Sequence[Path], row: int) -> bytes:
    stored = files[row][column]
    if not isinstance(stored, Mapping):
        return bytes(stored or b"")
    content, path = stored.get("bytes"), stored.get("path")
    return _content_at(path, places) if content is None and path else bytes(content or b"")


def _content_at(path: str, places: Sequence[Path]) -> bytes:
    """Read the file, or the one within a zip archive, that a row names instead of holding its image."""
    within, _, outer = path.rpartition("::")
    file = Path(os.path.normpath(places[0] / outer))
    if not any(file.is_relative_to(place) for place in places) or not file.is_file():
        raise DataError(f"{path} is none of the data set's own files; put the image itself into its row")
    if not within:
        return file.read_bytes()
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.read(within.removeprefix("zip://"))
    except (KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read ({reason_of(error)}); correct the archive") from error


def _read(inner: Callable[[ImageRecord], InnerFile], image_size: int | None, record: ImageRecord) -> Tensor:
    pixels = read_image(inner(record))
    return pixels if image_size is None else central_square(pixels, image_size)
