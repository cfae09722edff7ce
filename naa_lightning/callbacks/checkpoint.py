"""Checkpoints of a training, from which that training alone goes on."""

import io
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins import TorchCheckpointIO
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint

from naa_lightning.atomic import write_atomically
from naa_lightning.exceptions import UserError, reason_of
from naa_lightning.models.weights import check_whole

_KEY = "naa_lightning"


class BestEpoch(ModelCheckpoint):
    """Keeps the best epoch of a training as `best.ckpt`.

    Args:
        folder: Folder of the checkpoint.
        monitor: Name of the logged metric that is largest in the best epoch.
        resumed_from: Checkpoint that the training goes on from; None for a new training.
    """

    def __init__(self, folder: Path, monitor: str, resumed_from: Path | None) -> None:
        super().__init__(
            folder, "best", monitor, mode="max", enable_version_counter=False, save_on_train_epoch_end=True
        )
        self.path = Path(str(self.dirpath)) / "best.ckpt"
        self._before = None if resumed_from is None else resumed_from.with_name("best.ckpt")

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what was best so far, where it is still there."""
        if not self.path.is_file() and self._before is not None and self._before.is_file():
            write_atomically(self.path, self._before.read_bytes())
        if not self.path.is_file():
            return
        here = {"dirpath": self.dirpath, "best_model_path": str(self.path), "kth_best_model_path": str(self.path)}
        scores = {"best_k_models": {str(self.path): state_dict["best_model_score"]}}
        super().load_state_dict({**state_dict, **here, **scores})


class LastEpoch(ModelCheckpoint):
    """Keeps the last epoch of a training as `last.ckpt`, and counts its seconds, also those before a stop.

    Args:
        folder: Folder of the checkpoint.
        made_of: Everything that the weights depend on, by name; it is written into all checkpoints.
    """

    def __init__(self, folder: Path, made_of: Mapping[str, Any]) -> None:
        super().__init__(folder, "last", enable_version_counter=False, save_on_train_epoch_end=True)
        self.path = Path(str(self.dirpath)) / "last.ckpt"
        self.made_of = made_of
        self._seconds = 0.0
        self._since: float | None = None

    @property
    def seconds(self) -> float:
        """Duration of the training so far, in seconds."""
        return self._seconds + (0 if self._since is None else time.perf_counter() - self._since)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        super().on_train_start(trainer, pl_module)
        self._since = time.perf_counter()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop the clock."""
        super().on_train_end(trainer, pl_module)
        self._seconds, self._since = self.seconds, None

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Write down what training this is, and how long it has taken."""
        checkpoint[_KEY] = {"made_of": dict(self.made_of), "seconds": self.seconds}

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Count the seconds before the stop, too."""
        self._seconds = checkpoint[_KEY]["seconds"]


class WholeCheckpoints(TorchCheckpointIO):
    """Writes checkpoints so that they are there whole or not at all."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write a checkpoint."""
        content = io.BytesIO()
        torch.save(checkpoint, content)
        write_atomically(Path(path), content.getvalue())


def check_resumable(path: Path, made_of: Mapping[str, Any], remedy: str) -> None:
    """Check that a training can go on from a checkpoint.

    Args:
        path: Path of the checkpoint.
        made_of: Everything that the weights of the training depend on, by name.
        remedy: Words for a message on what to do where it cannot.

    Raises:
        UserError: The checkpoint is missing or damaged, or of another network, recipe or data.
    """
    if not path.is_file():
        raise UserError(f"there is no checkpoint {path}: {remedy}")
    said = read_checkpoint(path, remedy).get(_KEY)
    if said is None:
        raise UserError(f"{path} is no checkpoint of naa-train: {remedy}, or give it as training.start")
    for name, value in made_of.items():
        if differences := _differences(name, said["made_of"].get(name), value):
            raise UserError(f"the checkpoint {path} is of another training: {', '.join(differences)}; {remedy}")


def read_checkpoint(path: Path, remedy: str) -> dict[str, Any]:
    """Return the content of a checkpoint: under `state_dict` the weights, or their running mean where there is one.

    Args:
        path: Path of the checkpoint.
        remedy: Words for a message on what to do where it is damaged.

    Raises:
        UserError: It is damaged.
    """
    try:
        check_whole(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can fail in any way
        raise UserError(f"the checkpoint {path} cannot be read ({reason_of(error)[:200]}): {remedy}") from error
    return content if isinstance(content, dict) else {}


def _differences(name: str, found: Any, value: Any) -> list[str]:
    if found == value:
        return []
    if isinstance(found, Mapping) and isinstance(value, Mapping):
        keys = dict.fromkeys([*found, *value])
        return [text for key in keys for text in _differences(key, found.get(key), value.get(key))]
    if name in {"network", "content"}:
        return [{"network": "its network has other layers", "content": "it has seen other files"}[name]]
    return [f"its {name} is {found}, not {value}"]
