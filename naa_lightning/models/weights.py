"""Reading weights from a local file."""

import json
import re
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from naa_lightning.exceptions import ModelError, reason_of
from naa_lightning.models.weights_digest import file_digest

# torchvision's published DenseNet files write `denselayer1.norm.1` for what the network calls `denselayer1.norm1`
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.(\d)")
# what a checkpoint of a training puts before the names of the network's weights
_CHECKPOINT = "classifier.network."
# torchvision's published Inception-v3 and GoogLeNet files hold heads that only serve training
_AUXILIARY = re.compile(r"(AuxLogits|aux1|aux2)\.")
# how many batches a normalisation has seen: old files lack it, and evaluation does not need it
_COUNTER = ".num_batches_tracked"
DIGEST = "sha256"
"""The key of the digest of a `.safetensors` file in the description beside it."""

TORCH_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt")


def load_weights(network: nn.Module, path: Path) -> None:
    """Fill a network with the weights in a file; they must fit exactly.

    Args:
        network: The network, whose parameters keep their precision whatever the file's.
        path: The file of the weights, see `read_weights`; its auxiliary heads that the network lacks are passed over.

    Raises:
        ModelError: The file is missing, of another kind, unreadable, or does not fit.
    """
    _fill(network, read_weights(path), f"the weights in {path}")


def start_from(network: nn.Module, state: Mapping[str, Tensor], origin: str) -> list[str]:
    """Fill a network with weights to start a training from, which may know other classes.

    The last layer, and whatever else tells apart the same classes, is left as it is where the weights know another
    number of them or have no last layer.

    Args:
        network: The network, whose parameters keep their precision whatever the weights'.
        state: The weights, by name.
        origin: The name of the weights in errors: "the weights in FILE".

    Returns:
        The names of what was left as it was.

    Raises:
        ModelError: The weights do not fit in anything else.
    """
    expected = network.state_dict()
    left = _of_other_classes(network, state)
    _fill(network, {**state, **{name: expected[name] for name in left}}, origin)
    return left


def read_weights(path: Path, key: str = "weights") -> dict[str, Tensor]:
    """Read weights from a file, without running code from it.

    Args:
        path: A `.safetensors` file, or a file of torch (`.pt`, `.pth`, `.bin`, `.ckpt`) that holds tensors only:
            a state dict, or a checkpoint with one under `state_dict`.
        key: The parameter that names the file, for errors.

    Raises:
        ModelError: The file is missing, of another kind or unreadable.
    """
    check_weights_file(path, key)
    check_whole(path)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can fail in any way
        raise ModelError(
            f"the weights file {path} cannot be read as tensors only: {reason_of(error)}; copy it anew, or, if "
            "it was trained here, remove it and train again"
        ) from error
    state = content.get("state_dict", content) if isinstance(content, Mapping) else content
    if not isinstance(state, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    ):
        raise ModelError(f"the weights file {path} holds no state dict: save the network's `state_dict()`")
    return {_OLD_DENSENET.sub(r"\1\2", name.removeprefix(_CHECKPOINT)): value for name, value in state.items()}


def _fill(network: nn.Module, state: Mapping[str, Tensor], origin: str) -> None:
    expected = network.state_dict()
    state = {key: value for key, value in state.items() if key in expected or not _AUXILIARY.match(key)}
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
        raise ModelError(
            f"{origin} do not fit: {'; '.join(filter(None, differences))}; name weights of this very architecture"
        )
    network.load_state_dict(expected | state)


def _of_other_classes(network: nn.Module, state: Mapping[str, Tensor]) -> list[str]:
    """Return the parameters of the last layer, and of others with as many classes, where weights know other classes.

    Such a layer differs in all its parameters, and in nothing but their first dimension, which goes from one number
    of classes to another. Anything before the last layer that differs so would change what the next layer takes in.
    """
    layers = _layers(network)
    if not layers:
        return []
    last = layers[-1]
    if not any(name in state for name in last):
        return list(last)
    classes = _other_classes(last, state)
    if classes is None:
        return []
    return [name for layer in layers if _other_classes(layer, state) == classes for name in layer]


def _layers(network: nn.Module) -> list[dict[str, Tensor]]:
    """Return the parameters by name of each module that has some of its own, in the order of registration."""
    layers = [
        {f"{prefix}.{name}".lstrip("."): value for name, value in module.named_parameters(recurse=False)}
        for prefix, module in network.named_modules()
    ]
    return [layer for layer in layers if layer]


def _other_classes(layer: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> tuple[int, int] | None:
    """Return how many classes weights know and how many a layer does, if that and nothing else differs."""
    if not all(name in state and state[name].dim() == value.dim() > 0 for name, value in layer.items()):
        return None
    if any(state[name].shape[1:] != value.shape[1:] for name, value in layer.items()):
        return None
    numbers = {(len(state[name]), len(value)) for name, value in layer.items()}
    known, asked = numbers.pop()
    return None if numbers or known == asked else (known, asked)


def check_weights_file(path: Path, key: str = "weights") -> None:
    """Check that a weights file exists and is of a kind that can be read.

    Args:
        path: The file.
        key: The parameter that names the file, for errors.

    Raises:
        ModelError: It does not, or is not.
    """
    if path.suffix != ".safetensors" and path.suffix not in TORCH_SUFFIXES:
        raise ModelError(
            f"the weights file {path} is refused: expected .safetensors or {', '.join(TORCH_SUFFIXES)}, which are "
            "read without running code from the file"
        )
    if not path.is_file():
        raise ModelError(f"there is no weights file {path}; correct `{key}` or leave it out")


def check_whole(path: Path) -> None:
    """Check that a file of weights holds what was written into it: a flipped bit gives other weights as well.

    What a training saved is compared with the digest beside it, a file of torch with its own checksums; of other files
    it is not known.

    Raises:
        ModelError: It does not.
    """
    damaged = False
    if path.suffix in TORCH_SUFFIXES:
        try:
            if zipfile.is_zipfile(path):
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


def _some(kind: str, names: list[str]) -> str:
    if not names:
        return ""
    return f"{len(names)} {kind} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
