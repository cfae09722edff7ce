"""Reading the weights in a file, whatever its format."""

from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from naa_lightning.exceptions import ModelError, reason_of
from naa_lightning.models.weights.entry import state_in
from naa_lightning.models.weights.safe_loading import load_torch_file
from naa_lightning.models.weights.weight_files import check_whole, is_index, parts_of, weight_files


def read_weights(path: Path, option: str = "weights", key: str | None = None) -> tuple[dict[str, Tensor], str]:
    """Read weights from a file, without running code from it.

    Args:
        path: A `.safetensors` file, a file of torch (see `TORCH_SUFFIXES`) that holds a state dict or a checkpoint with
            one in an entry, an index of several such files, or a folder, see `check_weights_file`.
        option: The parameter that names the file, for errors.
        key: The entry of the checkpoint, or a prefix of names; None for the usual entry, see `state_in`.

    Returns:
        The weights on the CPU, by the names that they have in the file, and what they are called in messages.

    Raises:
        ModelError: The file is missing, of another kind or unreadable, or holds no weights under this key.
    """
    file, *parts = weight_files(path, option)
    if not is_index(file):
        return state_in(_read(file), str(file), key)
    states = {part: state_in(_read(part), str(part))[0] for part in parts}
    names = parts_of(file)
    lacking = [f"{name} ({part.name})" for name, part in names.items() if name not in states[part]]
    if lacking:
        raise ModelError(f"{file} names weights that its parts lack, such as {lacking[0]}; copy all of them anew")
    return state_in({name: states[part][name] for name, part in names.items()}, str(file), key)


def _read(path: Path) -> Any:
    check_whole(path)
    return _tensors(path) if path.suffix == ".safetensors" else load_torch_file(path)


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except Exception as error:  # a damaged file can fail in any way
        raise ModelError(
            f"the weights file {path} cannot be read as tensors only: {reason_of(error)}; copy it anew, or, if it was "
            "trained here, remove it and train again"
        ) from error
