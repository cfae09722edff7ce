"""Building Lightning's trainer and what surrounds it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from lightning_fabric.plugins.environments import LightningEnvironment
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.accelerators import CPUAccelerator
from pytorch_lightning.callbacks import ModelSummary, ProgressBar
from pytorch_lightning.loggers import Logger

from naa_lightning.callbacks.stop import StopBetweenBatches
from naa_lightning.config.building import build_part
from naa_lightning.config.options import in_options
from naa_lightning.data import ImageDataModule
from naa_lightning.distributed.process_info import ProcessInfo
from naa_lightning.exceptions import ModelError, UserError
from naa_lightning.models.precision import check_precision
from naa_lightning.runs.profiling import make_profiler

# Options that stop Lightning early, each with the debugging preset that means the same.
_PRESETS = {"fast_dev_run": "fdr", "overfit_batches": "overfit", "max_steps": "limit", "max_time": "limit"}

T = TypeVar("T")


def local_ranks(node: Mapping[str, Any], process: ProcessInfo) -> int:
    """Return the number of ranks to run on this machine: this process alone, where a cluster has started them.

    Args:
        node: Node `trainer` of the configuration.
        process: This process, as a cluster started it or not.

    Raises:
        UserError: The configuration asks for a device that is not there, for a way of sharing work that goes wrong
            here, or for several nodes that nothing has started.
    """
    strategy = node.get("strategy", "auto")
    if strategy not in {"auto", "ddp"}:
        raise UserError(
            f"trainer.strategy={strategy} does not fit: images share nothing, and each process holds a whole model; "
            "use trainer=ddp for several processes, or trainer=default"
        )
    if process.launcher is not None:
        if strategy != "ddp":
            raise UserError(
                f"{process.launcher} started {process.world_size} processes, which would all do the same: give "
                "trainer=ddp, or start one"
            )
        return 1
    if node.get("num_nodes", 1) != 1:
        raise UserError(
            f"trainer.num_nodes={node['num_nodes']}: on several nodes, srun or torchrun start the processes (srun "
            "--nodes=2 --ntasks-per-node=4 naa-attack trainer=ddp ...): leave num_nodes out"
        )
    return _trainer(node).num_devices


def make_trainer(
    node: Mapping[str, Any],
    *,
    folder: Path,
    title: str,
    process: ProcessInfo | None = None,
    callbacks: Sequence[Callback] = (),
    loggers: Sequence[Logger] = (),
    **options: Any,
) -> Trainer:
    """Build a Trainer for crafting, prediction or training, on one device.

    Inference mode is off, because crafting needs gradients in a predict step.

    Args:
        node: Node `trainer` of the configuration.
        folder: Folder of the run, which takes what the trainer writes.
        title: Name of the work, by which a profile of it is known.
        process: This process among those of the run; None for the only one.
        callbacks: Callbacks of the trainer, in order.
        loggers: Loggers of the trainer.
        **options: Further arguments of the trainer, which win over the node's.

    Raises:
        UserError: The configuration asks for a device that is not there, for part of the work only, for another folder,
            for an unknown profiler, or for a precision that images do not have.
    """
    for key in node:
        if key.startswith("limit_") or key in _PRESETS:
            raise UserError(
                f"trainer.{key} would leave the work half done: use data.limit or debug={_PRESETS.get(key, 'limit')} "
                "instead"
            )
    if "default_root_dir" in node:
        raise UserError(
            f"trainer.default_root_dir={node['default_root_dir']}: all files of a run lie in its own folder, so give "
            "hydra.run.dir instead"
        )
    with in_options("trainer", ModelError):
        check_precision(str(node.get("precision")))
    process = process or ProcessInfo()
    return _trainer(
        node,
        callbacks=[*callbacks, StopBetweenBatches()],
        logger=list(loggers),
        default_root_dir=folder,
        profiler=make_profiler(node.get("profiler"), folder / "profiler", title, process),
        # Lightning refuses its own bars and summaries where it is told to show none.
        enable_progress_bar=any(isinstance(callback, ProgressBar) for callback in callbacks),
        enable_model_summary=any(isinstance(callback, ModelSummary) for callback in callbacks),
        **{"strategy": "auto", "num_nodes": 1, "devices": trainer_devices(node, process), **options},
    )


def device_of(node: Mapping[str, Any], process: ProcessInfo) -> torch.device:
    """Return the device that a process works on.

    Raises:
        UserError: There are more processes than devices.
    """
    return _trainer(node, strategy="auto", num_nodes=1, devices=trainer_devices(node, process)).strategy.root_device


def trainer_devices(node: Mapping[str, Any], process: ProcessInfo) -> list[int] | int:
    """Return the argument `devices` of a process's Trainer: the index of its device, or one CPU.

    Raises:
        UserError: There are more processes than devices.
    """
    trainer = _trainer(node)
    if isinstance(trainer.accelerator, CPUAccelerator):
        return 1
    devices = trainer.device_ids
    if len(devices) == 1:  # also where a cluster shows each process its own
        return devices
    if process.local_rank >= len(devices):
        raise UserError(
            f"there is no device for process {process.local_rank + 1} of this machine, which has {len(devices)}: start "
            "as many processes as devices"
        )
    return [devices[process.local_rank]]


def make_data(node: Mapping[str, Any], key: str = "data") -> ImageDataModule:
    """Build a DataModule."""
    return build_part(ImageDataModule, node, key)


def make_all(kind: type[T], nodes: Mapping[str, Mapping[str, Any]] | None, key: str) -> list[T]:
    """Build every entry of a group such as `callbacks` or `logger`; None is an empty group."""
    return [build_part(kind, node, f"{key}.{name}") for name, node in (nodes or {}).items()]


def _trainer(node: Mapping[str, Any], **options: Any) -> Trainer:
    options = {
        "logger": False,
        "inference_mode": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_autolog_hparams": False,  # loggers know the whole configuration
        "profiler": None,
        "plugins": [LightningEnvironment()],  # what a cluster sets is none of a single device's business
        **options,
    }
    return build_part(Trainer, node, "trainer", **options)
