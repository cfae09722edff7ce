"""Telling weights apart."""

import hashlib
from pathlib import Path

import torch
from torch import nn


def weights_digest(model: nn.Module, file: Path | None = None) -> str | None:
    """Return the SHA-256 digest of a model's parameters and buffers, with their names, types and shapes.

    Args:
        model: The model, on any device.
        file: The file that the model comes from, whose digest is taken where torch knows no weights of it.

    Returns:
        None where there is neither.

    Example:
        >>> one, other = nn.Linear(2, 2), nn.Linear(2, 2)
        >>> weights_digest(one) == weights_digest(one), weights_digest(one) == weights_digest(other)
        (True, False)
    """
    state = model.state_dict()
    if not state:
        return hashlib.sha256(file.read_bytes()).hexdigest() if file is not None and file.is_file() else None
    digest = hashlib.sha256()
    for name, values in sorted(state.items()):
        if not isinstance(values, torch.Tensor):  # packed, as some quantised modules hold them
            digest.update(f"{name} {values}".encode())
            continue
        plain = values.dequantize() if values.is_quantized else values
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        digest.update(plain.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
