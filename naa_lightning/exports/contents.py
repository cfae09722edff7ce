"""What an export holds, whatever its format."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from PIL import Image

from naa_lightning.exceptions import UserError, reason_of

if TYPE_CHECKING:  # takes a second to load, which help need not wait for
    from torch import Tensor

# Bytes that the names of an export's images, or one of its descriptions, may take in memory.
MOST_TEXT = 2**29
# Pixels that an image may have: as many as Pillow opens.
MOST_PIXELS = 2 * (Image.MAX_IMAGE_PIXELS or 0)


@dataclass(frozen=True)
class ImagePair:
    """A clean image and the adversarial image that was made of it.

    Args:
        id: The image's row in the data set's own order.
        file: The clean image's file, relative to the data root.
        label: The true class, or the one that stands for it; see "labels_from" of the origin.
        target_class: The class that a targeted attack aimed at; -1 in an untargeted run.
        clean, adversarial: The pixels, uint8 of shape (3, H, W).
        clean_sha256, adversarial_sha256: The SHA-256 digests of these pixels.
    """

    id: int
    file: str
    label: int
    target_class: int
    clean: "Tensor"
    adversarial: "Tensor"
    clean_sha256: str
    adversarial_sha256: str

    @property
    def facts(self) -> dict[str, int | str]:
        """What is known of it besides its pixels."""
        names = ("id", "file", "label", "target_class", "clean_sha256", "adversarial_sha256")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Description:
    """What an export says of its images besides each one's own.

    Args:
        class_names: The names of the classes, no two of which are alike; None where they are unknown.
        origin: What made the images, in values that JSON has; its "config" is the configuration of the run.
    """

    class_names: Sequence[str] | None
    origin: Mapping[str, Any]

    @property
    def origin_json(self) -> str:
        """The origin as it stands in files."""
        return json.dumps(self.origin, sort_keys=True)


@dataclass(frozen=True)
class Export:
    """An export that is there.

    Args:
        path: The file or folder.
        files: The clean image's file of each pair, in order.
        origin: What made the images; empty where it does not say.
        images: A function from the files that are wanted, which are some of these, to each with its adversarial image,
            as the content of an image file.
        labels: The label of each pair; None where it does not say.
        clean_sha256: The SHA-256 digest of the clean image's pixels of each pair; None where it does not say.

    Raises:
        UserError: Labels are no integers, or there are more or fewer labels or digests than pairs.
    """

    path: Path
    files: Sequence[str]
    origin: Mapping[str, Any]
    images: Callable[[Collection[str]], Iterator[tuple[str, bytes]]]
    labels: list[int] | None = None
    clean_sha256: list[str] | None = None

    def __post_init__(self) -> None:
        for name, told, kind in (("labels", self.labels, int), ("clean_sha256", self.clean_sha256, str)):
            if told is None:
                continue
            if (
                not isinstance(told, list)
                or len(told) != len(self.files)
                or not all(isinstance(of, kind) for of in told)
            ):
                raise UserError(
                    f"{self.path}: {name} must be {len(self.files)} values of type {kind.__name__}, one for each image"
                )


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Read a file that others may have made, in which anything can fail, in a block of code.

    Raises:
        UserError: It failed.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{path} cannot be read as an export ({reason_of(error)}): export it anew") from error


def checked_files(path: Path, files: Iterable[Any]) -> list[str]:
    """Return the names of the clean images' files, each of which must be one within a folder.

    Args:
        path: The export.
        files: The names as they stand in it.

    Raises:
        UserError: One is no text, or leaves the folder.
    """
    names = list(files)
    for name in names:
        if not isinstance(name, str) or not name:
            raise UserError(f"{path} names an image {name!r}, which is no file name: export it anew")
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise UserError(f"{path} names an image {name!r}, which leaves its folder: it is not read")
    return names


def check_pixels(path: Path, shape: Sequence[int]) -> None:
    """Check that images have pixels, and no more than Pillow would open.

    Args:
        path: The export.
        shape: The height and width.

    Raises:
        UserError: They have none, or more.
    """
    height, width = shape
    if min(height, width) < 1:
        raise UserError(f"{path} holds images of {width}x{height}, which have no pixels: it is not read")
    if height * width > MOST_PIXELS:
        raise UserError(f"{path} holds images of {width}x{height}, more than {MOST_PIXELS:,} pixels: it is not read")


def origin_of(path: Path, text: str | bytes | None) -> Mapping[str, Any]:
    """Return what made an export's images, from the JSON in it; nothing where there is none.

    Raises:
        UserError: It is damaged.
    """
    if text is None:
        return {}
    with reading(path):
        origin = json.loads(text)
    return origin if isinstance(origin, Mapping) else {}
