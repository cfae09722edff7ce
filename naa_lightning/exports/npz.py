"""Exports as arrays of NumPy: one `.npz` file, without pickles."""

import math
import zipfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib import format as npy

from naa_lightning.exceptions import UserError
from naa_lightning.exports.contents import (
    MOST_TEXT,
    Description,
    Export,
    ImagePair,
    check_pixels,
    checked_files,
    origin_of,
    reading,
)
from naa_lightning.exports.stacked import stacked
from naa_lightning.image_file import encode_png

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def write_npz(path: Path, pairs: Iterable[ImagePair], description: Description) -> None:
    """Write arrays.

    They are `clean` and `adversarial`, uint8 (N, H, W, 3); `labels`, `target_classes` (-1: none) and `ids`, int64 (N,);
    `files`, `clean_sha256` and `adversarial_sha256`, text (N,); `class_names`, text (C,), where they are known; and
    `origin`, one text of JSON.

    Args:
        path: The file.
        pairs: The images, all of one size.
        description: What it says of them.

    Raises:
        UserError: The images differ in size.
        OSError: It cannot be written.
    """
    named = {} if description.class_names is None else {"class_names": list(description.class_names)}
    with stacked(pairs, path, channels_last=True) as stack, path.open("xb") as file:
        arrays: dict[str, Any] = {**stack.images, **stack.numbers, **stack.texts, **named}
        np.savez(file, **arrays, origin=description.origin_json)  # texts and lists of them become arrays


def open_npz(path: Path) -> Export:
    """Read what is said of the images in a file.

    Raises:
        UserError: It is damaged, or holds something else.
    """
    with reading(path), zipfile.ZipFile(path) as archive:
        shape, dtype = _head(path, archive, "adversarial")
        if dtype != np.uint8 or len(shape) != 4 or shape[3] != 3:
            raise UserError(
                f"{path}: the array adversarial is {dtype} of the shape {shape}, and must be uint8 (N, H, W, 3)"
            )
        check_pixels(path, shape[1:3])
        files = checked_files(path, _array(path, archive, "files", "U").tolist())
        if len(files) != shape[0]:
            raise UserError(f"{path} holds {shape[0]} adversarial images and {len(files)} files: export it anew")

        def told(name: str, kinds: str) -> Any:
            return _array(path, archive, name, kinds).tolist() if f"{name}.npy" in archive.namelist() else None

        origin = origin_of(path, told("origin", "U"))
        images = partial(_images, path, shape[1:], files)
        return Export(path, files, origin, images, told("labels", "iu"), told("clean_sha256", "U"))


def _images(
    path: Path, shape: Sequence[int], files: Sequence[str], wanted: Collection[str]
) -> Iterator[tuple[str, bytes]]:
    size = math.prod(shape)
    with zipfile.ZipFile(path) as archive, archive.open("adversarial.npy") as array:
        _header_of(array)
        for file in files:
            with reading(path):
                content = array.read(size)
                if len(content) < size:
                    raise EOFError(f"it ends before {file}")
            if file in wanted:
                pixels = torch.frombuffer(bytearray(content), dtype=torch.uint8).reshape(*shape)
                yield file, encode_png(pixels.permute(2, 0, 1))


def _array(path: Path, archive: zipfile.ZipFile, name: str, kinds: str) -> np.ndarray:
    """Read a small array: of text, whose kind is "U", or of integers, "iu"."""
    shape, dtype = _head(path, archive, name)
    size = archive.getinfo(f"{name}.npy").file_size
    if dtype.kind not in kinds:
        wanted = "text" if kinds == "U" else "integers"
        raise UserError(f"{path}: the array {name} is {dtype} and must be {wanted}: objects are not loaded")
    if math.prod(shape) * dtype.itemsize > min(size, MOST_TEXT):
        raise UserError(f"{path}: the array {name} claims more than it may hold: export it anew")
    with archive.open(f"{name}.npy") as array:
        values: np.ndarray = npy.read_array(array, allow_pickle=False)
    return values


def _head(path: Path, archive: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    if f"{name}.npy" not in archive.namelist():
        raise UserError(f"{path} has no array {name}: an export has adversarial, files and others")
    with archive.open(f"{name}.npy") as array:
        return _header_of(array)


def _header_of(array: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = npy.read_magic(array)
    if version not in _HEADERS:
        raise ValueError(f"version {version} of its arrays is not known")
    shape, fortran_order, dtype = _HEADERS[version](array)
    if fortran_order and len(shape) > 1:
        raise ValueError("its arrays are in Fortran's order, and must be in that of C")
    return shape, dtype
