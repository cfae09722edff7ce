"""Building Lightning's trainer and what surrounds it."""

from collections.abc import Mapping, Sequence
from typing import Any

from pytorch_lightning import Callback, Trainer
from pytorch_lightning.loggers import Logger

from naa_lightning.config import build_target, expect
from naa_lightning.data import ImageDataModule
from naa_lightning.errors import UserError


def make_trainer(
    node: Mapping[str, Any],
    *,
    callbacks: Sequence[Callback] = (),
    loggers: Sequence[Logger] = (),
    **options: Any,
) -> Trainer:
    """Build a Trainer for crafting, asking or training.

    Inference mode is off, because crafting needs gradients in a predict step.

    Args:
        node: `trainer` of the configuration.
        callbacks: Of the trainer.
        loggers: Of the trainer.
        **options: Further arguments, which win over the node's.

    Raises:
        UserError: The configuration asks for a device that is not there, for several processes, for part of the work
            only, or for a precision that images do not have.
    """
    for key in node:
        if key.startswith("limit_") or key in {"fast_dev_run", "max_steps", "max_time", "overfit_batches"}:
            raise UserError(f"trainer.{key} would leave the work half done: use data.limit or debug=default instead")
    if str(node.get("precision")) in {"16-true", "bf16-true"}:
        raise UserError(
            f"trainer.precision={node['precision']} would round the images themselves: use "
            f"{str(node['precision']).removesuffix('-true')}-mixed"
        )
    options = {
        "callbacks": list(callbacks),
        "logger": list(loggers),
        "inference_mode": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        **options,
    }
    trainer = expect(Trainer, build_target(node, "trainer", **options), "trainer")
    if trainer.world_size > 1:
        raise UserError(f"trainer.devices asks for {trainer.world_size} processes, but a run has one: set it to 1")
    return trainer


def make_data(node: Mapping[str, Any], key: str = "data") -> ImageDataModule:
    """Build a DataModule."""
    return expect(ImageDataModule, build_target(node, key), key)


def make_all(nodes: Mapping[str, Mapping[str, Any]] | None, key: str) -> list[Any]:
    """Build every entry of a group such as `callbacks` or `logger`; None is an empty group."""
    return [build_target(node, f"{key}.{name}") for name, node in (nodes or {}).items()]
