"""Image files in a folder and in those below it: the one way to find them."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from naa_lightning.exceptions import DataError
from naa_lightning.image_file import is_image


class ImageFolder(NamedTuple):
    """What is in a folder.

    Attributes:
        images: The image files, sorted by path.
        passed_over: The number of other files by their suffix, in lower case; hidden ones are not counted.
    """

    images: list[Path]
    passed_over: Mapping[str, int]


def find_images(folder: Path, *, deep: bool = True) -> ImageFolder:
    """Find the image files in a folder.

    What is hidden is passed over: files and folders whose names begin with a dot. Links are followed, but not into a
    folder that they lie in. So a file is found under every name that it has, and loops end.

    Args:
        folder: The folder.
        deep: Whether the folders below it are looked into.

    Raises:
        DataError: A folder cannot be looked into.
    """
    images, passed_over = [], Counter[str]()
    for path in _files(folder, frozenset(), deep=deep):
        if is_image(path):
            images.append(path)
        else:
            passed_over[path.suffix.lower()] += 1
    return ImageFolder(images, passed_over)


def describe_passed_over(passed_over: Mapping[str, int]) -> str:
    """Say how many files are passed over, and of which kinds.

    Example:
        >>> describe_passed_over({".txt": 2, "": 1}), describe_passed_over({".csv": 1})
        ('3 files are passed over: .txt and without a suffix', '1 file is passed over: .csv')
    """
    count = sum(passed_over.values())
    suffixes = ", ".join(sorted(suffix for suffix in passed_over if suffix))
    kinds = [*([suffixes] if suffixes else []), *(["without a suffix"] if "" in passed_over else [])]
    return f"{count} file{' is' if count == 1 else 's are'} passed over: {' and '.join(kinds)}"


def _files(folder: Path, above: frozenset[tuple[int, int]], *, deep: bool) -> Iterator[Path]:
    try:
        status, inside = folder.stat(), sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder} cannot be looked into ({error.strerror}); correct its permissions") from error
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    for path in inside:
        if path.name.startswith("."):
            continue
        if not path.is_dir():
            yield path
        elif deep:
            yield from _files(path, above | {here}, deep=deep)
