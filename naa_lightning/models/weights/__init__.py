"""Weights from a local file, whichever tool wrote it: read without running code, found, and matched by their names."""

from naa_lightning.models.weights.filling import load_weights, start_from
from naa_lightning.models.weights.reading import read_weights
from naa_lightning.models.weights.weight_files import (
    DIGEST,
    TORCH_SUFFIXES,
    check_weights_file,
    check_whole,
    weight_files,
)

__all__ = [
    "DIGEST",
    "TORCH_SUFFIXES",
    "check_weights_file",
    "check_whole",
    "load_weights",
    "read_weights",
    "start_from",
    "weight_files",
]
