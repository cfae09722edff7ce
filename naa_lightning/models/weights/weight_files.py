"""Which files hold weights: one, the parts that an index names, or those in a folder of Hugging Face."""

import json
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from naa_lightning.exceptions import ModelError
from naa_lightning.models.weights_digest import file_digest

DIGEST = "sha256"
"""The key of the digest of a `.safetensors` file in the description beside it."""

TORCH_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt", ".tar")
"""The endings of files that `torch.save` writes; `.pth.tar` is a habit, and no archive of tar."""

_INDEX = ".index.json"
# What transformers and timm write into a folder, the safest first.
_IN_FOLDERS = ("model.safetensors", f"model.safetensors{_INDEX}", "pytorch_model.bin", f"pytorch_model.bin{_INDEX}")
# What stands for a file in a clone that was made without Git LFS.
_LFS = b"version https://git-lfs"


def check_weights_file(path: Path, option: str = "weights") -> None:
    """Check that a weights file exists and is of a kind that can be read.

    Args:
        path: The file, or a folder that holds `model.safetensors`, `pytorch_model.bin` or an index of either.
        option: The parameter that names the file, for errors.

    Raises:
        ModelError: It does not, or is not.
    """
    weight_files(path, option)


def weight_files(path: Path, option: str = "weights") -> list[Path]:
    """Return the files that hold the weights at a path: itself, or an index and the parts that it names.

    Args:
        path: As `check_weights_file` takes it.
        option: The parameter that names the file, for errors.

    Raises:
        ModelError: One is missing or of another kind, or the index is malformed.
    """
    if path.is_dir():
        path = _in_folder(path, option)
    if not is_index(path) and path.suffix not in (".safetensors", *TORCH_SUFFIXES):
        raise ModelError(
            f"the weights file {path} is refused: expected .safetensors, {', '.join(TORCH_SUFFIXES)} or {_INDEX}, "
            "which are read without running code from the file"
        )
    if not path.is_file():
        raise ModelError(f"there is no weights file {path}; correct `{option}` or leave it out")
    parts = list(dict.fromkeys(parts_of(path).values())) if is_index(path) else []
    for part in parts:
        if not part.is_file():
            raise ModelError(f"there is no {part}, which {path} names as a part of the weights; put it there")
    return [path, *parts]


def is_index(path: Path) -> bool:
    """Return whether a file is an index, by its name."""
    return path.name.endswith(_INDEX)


def parts_of(index: Path) -> dict[str, Path]:
    """Return the file of each of the weights, by the weights' names, as an index says them.

    Raises:
        ModelError: The index is malformed, or names a file that does not lie beside it.
    """
    try:
        parts = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
    except (OSError, ValueError, RecursionError, KeyError, TypeError) as error:
        raise ModelError(f"the index of weights {index} has no readable weight_map; copy it anew") from error
    if not isinstance(parts, Mapping) or not all(isinstance(file, str) for file in parts.values()):
        raise ModelError(f"the weight_map of {index} must name a file for each of the weights; copy it anew")
    for file in parts.values():
        if Path(file).name != file or "\\" in file or Path(file).suffix not in (".safetensors", *TORCH_SUFFIXES):
            raise ModelError(
                f"{index} names {file!r}, and parts of weights must be .safetensors or {', '.join(TORCH_SUFFIXES)} "
                "files that lie beside their index"
            )
    return {name: index.with_name(file) for name, file in parts.items()}


def is_zip(path: Path) -> bool:
    """Return whether a file is of torch's present format, as torch itself tells it."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def check_whole(path: Path) -> None:
    """Check that a file of weights holds what was written into it: a flipped bit gives other weights as well.

    What a training saved is compared with the digest beside it, a file of torch with its own checksums; of other files
    it is not known.

    Raises:
        ModelError: It does not.
    """
    with path.open("rb") as file:
        if file.read(len(_LFS)) == _LFS:
            raise ModelError(f"{path} only stands for the weights file, which Git LFS keeps: run git lfs pull")
    damaged = False
    if path.suffix in TORCH_SUFFIXES:
        try:
            if is_zip(path):
                with zipfile.ZipFile(path) as archive:
                    damaged = archive.testzip() is not None
        except Exception:  # noqa: BLE001 - a damaged archive can fail in any way
            damaged = True
    beside = path.with_suffix(".json")
    if path.suffix == ".safetensors" and beside.is_file():
        with suppress(OSError, ValueError, AttributeError):  # whatever else it may be the description of
            said = json.loads(beside.read_text(encoding="utf-8")).get(DIGEST)
            damaged = said is not None and said != file_digest(path)
    if damaged:
        raise ModelError(
            f"the weights file {path} is damaged, it is not what was written: copy it anew, or, if it was trained "
            "here, remove it and train again"
        )


def _in_folder(folder: Path, option: str) -> Path:
    for name in _IN_FOLDERS:
        if (folder / name).is_file():
            return folder / name
    raise ModelError(
        f"there is no weights file in the folder {folder}: expected {', '.join(_IN_FOLDERS[:-1])} or "
        f"{_IN_FOLDERS[-1]}; correct `{option}`, or name the file"
    )
