"""Reading weights from a local file."""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from naa_lightning.errors import UserError

# torchvision's published DenseNet files write `denselayer1.norm.1` for what the network calls `denselayer1.norm1`
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.(\d)")
# what a checkpoint of `train.py` puts before the names of the network's weights
_CHECKPOINT = "classifier.network."
# how many batches a normalisation has seen: old files lack it, and evaluation does not need it
_COUNTER = ".num_batches_tracked"
TORCH_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt")


def load_weights(network: nn.Module, path: Path) -> None:
    """Fill a network with the weights in a file; they must fit exactly.

    Args:
        network: Its parameters keep their precision whatever the file's.
        path: A `.safetensors` file, or a file of torch (`.pt`, `.pth`, `.bin`, `.ckpt`) that holds tensors only:
            a state dict, or a checkpoint with one under `state_dict`.

    Raises:
        UserError: The file is missing, of another kind, unreadable, or does not fit.
    """
    check_weights_file(path)
    state = _read(path)
    expected = network.state_dict()
    differences = [
        _some("missing", [key for key in expected if key not in state and not key.endswith(_COUNTER)]),
        _some("unexpected", [key for key in state if key not in expected]),
        _some(
            "of another shape",
            [
                f"{key} {tuple(state[key].shape)} instead of {tuple(value.shape)}"
                for key, value in expected.items()
                if key in state and state[key].shape != value.shape
            ],
        ),
    ]
    if any(differences):
        raise UserError(f"the weights in {path} do not fit: {'; '.join(filter(None, differences))}")
    network.load_state_dict(expected | state)


def check_weights_file(path: Path) -> None:
    """Check that a weights file exists and is of a kind that can be read.

    Raises:
        UserError: It does not, or is not.
    """
    if path.suffix != ".safetensors" and path.suffix not in TORCH_SUFFIXES:
        raise UserError(
            f"the weights file {path} is refused: expected .safetensors or {', '.join(TORCH_SUFFIXES)}, which are "
            "read without running code from the file"
        )
    if not path.is_file():
        raise UserError(f"there is no weights file {path}; correct `weights` or leave it out")


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can fail in any way
        reason = (str(error) or type(error).__name__).strip().splitlines()[0]
        raise UserError(f"the weights file {path} cannot be read as tensors only: {reason}") from error
    state = content.get("state_dict", content) if isinstance(content, Mapping) else content
    if not isinstance(state, Mapping) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in state.items()
    ):
        raise UserError(f"the weights file {path} holds no state dict")
    return {_OLD_DENSENET.sub(r"\1\2", key.removeprefix(_CHECKPOINT)): value for key, value in state.items()}


def _some(kind: str, names: list[str]) -> str:
    if not names:
        return ""
    return f"{len(names)} {kind} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
