"""Exports as tensors of PyTorch: one `.pt` file of a dict, without pickled objects."""

import pickle
import zipfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from naa_lightning.exceptions import UserError
from naa_lightning.exports.contents import (
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


def write_pt(path: Path, pairs: Iterable[ImagePair], description: Description) -> None:
    """Write a dict.

    It holds `clean` and `adversarial`, uint8 (N, 3, H, W); `labels`, `target_classes` (-1: none) and `ids`, int64 (N,);
    `files`, `clean_sha256` and `adversarial_sha256`, lists of N texts; `class_names`, a list, where they are known; and
    `origin`, a text of JSON.

    Args:
        path: The file.
        pairs: The images, all of one size.
        description: What it says of them.

    Raises:
        UserError: The images differ in size.
        OSError: It cannot be written.
    """
    named = {} if description.class_names is None else {"class_names": list(description.class_names)}
    with stacked(pairs, path, channels_last=False) as stack, path.open("xb") as file:
        tensors = {name: torch.from_numpy(array) for name, array in (stack.images | stack.numbers).items()}
        torch.save({**tensors, **stack.texts, **named, "origin": description.origin_json}, file)


def open_pt(path: Path) -> Export:
    """Read what is said of the images in a file.

    Raises:
        UserError: It is damaged, or holds something else.
    """
    with reading(path):
        with zipfile.ZipFile(path) as archive:
            if any(part.compress_type != zipfile.ZIP_STORED for part in archive.infolist()):
                raise UserError(f"{path} is compressed, which torch.save does not do: it is not read")
        try:
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except pickle.UnpicklingError as error:
            raise UserError(f"{path} holds more than tensors and text, which may run code: it is not read") from error
        if not isinstance(content, dict) or not {"adversarial", "files"} <= content.keys():
            raise UserError(f"{path} has no adversarial and files: an export is a dict of these and others")
        images, names = content["adversarial"], content["files"]
        if (
            not isinstance(images, Tensor)
            or images.layout != torch.strided
            or images.dtype != torch.uint8
            or images.ndim != 4
            or images.shape[1] != 3
        ):
            raise UserError(f"{path}: adversarial must be a tensor, uint8 (N, 3, H, W)")
        check_pixels(path, images.shape[2:])
        if not isinstance(names, list) or len(names) != len(images):
            raise UserError(f"{path}: files must be a list of {len(images)} names, one for each image")
        files, origin, labels = checked_files(path, names), content.get("origin"), content.get("labels")
        return Export(
            path,
            files,
            origin_of(path, origin if isinstance(origin, str) else None),
            partial(_images, images, files),
            labels.tolist() if isinstance(labels, Tensor) else labels,
            content.get("clean_sha256"),
        )


def _images(images: Tensor, files: Sequence[str], wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
    for file, image in zip(files, images, strict=True):
        if file in wanted:
            yield file, encode_png(image)
