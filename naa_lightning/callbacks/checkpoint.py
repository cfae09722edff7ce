"""Checkpoints of a training, from which that training alone goes on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor

from naa_lightning.errors import UserError, in_one_line
from naa_lightning.whole_file import write_whole

_KEY = "naa_lightning"


class TrainingCheckpoint(ModelCheckpoint):
    """Keeps the best and the last epoch of a training, as `best.ckpt` and `last.ckpt`.

    Args:
        folder: Where they are kept.
        monitor: What the best epoch has most of.
        made_of: What the weights depend on; see `naa_lightning.models.trained.made_of`.
    """

    def __init__(self, folder: Path, monitor: str, made_of: Mapping[str, Any]) -> None:
        super().__init__(
            folder,
            filename="best",
            monitor=monitor,
            mode="max",
            save_last=True,
            auto_insert_metric_name=False,
            enable_version_counter=False,
            save_on_train_epoch_end=True,
        )
        self.made_of = made_of
        self._best = folder / "best.ckpt"

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what was best so far, also from a checkpoint that lies elsewhere."""
        best = Path(state_dict["best_model_path"])
        if not self._best.is_file() and best.is_file():
            write_whole(self._best, best.read_bytes())
        here = str(self._best)
        super().load_state_dict(
            {
                **state_dict,
                "dirpath": self.dirpath,
                "best_model_path": here,
                "kth_best_model_path": here,
                "best_k_models": {here: state_dict["best_model_score"]},
            }
        )

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Write down what training this is."""
        checkpoint[_KEY] = dict(self.made_of)


def check_resumable(path: Path, made_of: Mapping[str, Any]) -> None:
    """Check that a training can go on from a checkpoint.

    Args:
        path: Of the checkpoint.
        made_of: What the weights of the training depend on.

    Raises:
        UserError: It is missing or damaged, or of another network or recipe.
    """
    if not path.is_file():
        raise UserError(f"there is no checkpoint {path}; correct ckpt_path or leave it out")
    found = _content(path).get(_KEY)
    if found is None:
        raise UserError(f"{path} is no checkpoint of train.py: leave ckpt_path out, or give it as training.start")
    for name, value in made_of.items():
        if found.get(name) != value:
            differences = ", ".join(_differences(name, found.get(name), value))
            raise UserError(
                f"the checkpoint {path} is of another training: {differences}; correct ckpt_path or leave it out"
            )


def trained_state(path: Path) -> dict[str, Tensor]:
    """Return the weights in a checkpoint: of the running mean, where there is one.

    Raises:
        UserError: It is damaged.
    """
    state: dict[str, Tensor] = _content(path)["state_dict"]
    return state


def _content(path: Path) -> dict[str, Any]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can fail in any way
        raise UserError(
            f"the checkpoint {path} cannot be read ({in_one_line(error).splitlines()[0][:200]}): remove it, and the "
            "training begins anew, or give another ckpt_path"
        ) from error
    return content if isinstance(content, dict) else {}


def _differences(name: str, found: Any, value: Any) -> list[str]:
    if isinstance(found, Mapping) and isinstance(value, Mapping):
        keys = [key for key in {**found, **value} if found.get(key) != value.get(key)]
        return [text for key in keys for text in _differences(key, found.get(key), value.get(key))]
    if name == "network":
        return ["its network has other layers"]
    return [f"its {name} is {found}, not {value}"]
