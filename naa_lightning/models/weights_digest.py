"""Telling models apart by their weights, and by the files of those that torch knows no weights of."""

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import torch
from torch import nn


def weights_digest(model: nn.Module, files: Iterable[Path] = ()) -> str | None:
    """Return the SHA-256 digest of a model's parameters and buffers, with their names, types and shapes.

    Args:
        model: The model, on any device.
        files: The files that say more of the model than its weights, see `ModelSource.files`, which count as well.

    Returns:
        None where there is neither.

    Example:
        >>> one, other = nn.Linear(2, 2), nn.Linear(2, 2)
        >>> weights_digest(one) == weights_digest(one), weights_digest(one) == weights_digest(other)
        (True, False)
    """
    state, of_files = model.state_dict(), files_digest(files)
    if not state:
        return of_files
    digest = hashlib.sha256()
    for name, values in sorted(state.items()):
        if not isinstance(values, torch.Tensor):  # packed, as some quantised modules hold them
            digest.update(f"{name} {values}".encode())
            continue
        plain = values.dequantize() if values.is_quantized else values
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        digest.update(plain.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    digest.update((of_files or "").encode())
    return digest.hexdigest()


def files_digest(files: Iterable[Path]) -> str | None:
    """Return one SHA-256 digest of what files hold; None where none of them is there."""
    found = [file_digest(path) for path in files if path.is_file()]
    return hashlib.sha256("".join(found).encode()).hexdigest() if found else None


def file_digest(path: Path) -> str:
    """Return the SHA-256 digest of a file, which is read once while its size and time stay the same."""
    status = path.stat()
    return _digest_of_version(path.resolve(), status.st_size, status.st_mtime_ns)


@cache
def _digest_of_version(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
