"""Photographs from files."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from naa_lightning.exceptions import DataError
from naa_lightning.image_file import central_square, read_image
from naa_lightning.image_folder import find_images
from naa_lightning.validation import check_count


def read_images(paths: str | Path | Sequence[str | Path], size: int = 224) -> Tensor:
    """Read image files as a batch of squares.

    The shorter side is resized, bilinear and antialiased, and the central square is kept.

    Args:
        paths: A file, several files, or a folder, whose images are read in the order of their names; its sub-folders
            are not looked into.
        size: The side of the squares, in pixels.

    Returns:
        Images of shape (B, 3, size, size), float32 in [0, 1].

    Raises:
        ValueError: The size is less than 1.
        DataError: A file cannot be read, or there is none.

    Example:
        >>> from sklearn.datasets import load_sample_images
        >>> read_images(load_sample_images().filenames, size=64).shape
        torch.Size([2, 3, 64, 64])
    """
    check_count("size", size, 1)
    files = _files(paths)
    return torch.stack([central_square(read_image(file), size) for file in files]).float() / 255


def _files(paths: str | Path | Sequence[str | Path]) -> Sequence[Path]:
    if not isinstance(paths, str | Path):
        files = [Path(path) for path in paths]
        if not files:
            raise DataError("no images to read: `paths` is empty; name files or a folder")
        return files
    path = Path(paths)
    if not path.is_dir():
        if not path.exists():
            raise DataError(f"there is no file or folder {path}")
        return [path]
    files = find_images(path, deep=False).images
    if not files:
        raise DataError(f"no images found in {path}; it needs files such as .png or .jpg")
    return files
