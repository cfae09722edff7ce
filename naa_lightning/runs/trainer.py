"""Building Lightning's trainer and what surrounds it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.accelerators import CPUAccelerator
from pytorch_lightning.loggers import Logger
from pytorch_lightning.strategies import DDPStrategy

from naa_lightning.callbacks.stop import StopBetweenBatches
from naa_lightning.config.building import build_target, expect
from naa_lightning.data import ImageDataModule
from naa_lightning.distributed.ranks import Place, Ranks
from naa_lightning.exceptions import UserError


def processes(node: Mapping[str, Any], place: Place) -> int:
    """Return how many ranks to start on this machine: none but this process, where a cluster has started them.

    Args:
        node: `trainer` of the configuration.
        place: Of this process.

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
    if place.starter is not None:
        if strategy != "ddp":
            raise UserError(
                f"{place.starter} started {place.world_size} processes, which would all do the same: give trainer=ddp, "
                "or start one"
            )
        return 1
    if node.get("num_nodes", 1) != 1:
        raise UserError(
            f"trainer.num_nodes={node['num_nodes']}: on several nodes, srun or torchrun start the processes (srun "
            "--nodes=2 --ntasks-per-node=4 python attack.py trainer=ddp ...): leave num_nodes out"
        )
    return _trainer(node).num_devices


def make_trainer(
    node: Mapping[str, Any],
    *,
    place: Place | None = None,
    callbacks: Sequence[Callback] = (),
    loggers: Sequence[Logger] = (),
    **options: Any,
) -> Trainer:
    """Build a Trainer for crafting, asking or training, on one device.

    Inference mode is off, because crafting needs gradients in a predict step.

    Args:
        node: `trainer` of the configuration.
        place: Of this process among those of the run; None: it is the only one.
        callbacks: Of the trainer.
        loggers: Of the trainer.
        **options: Further arguments, which win over the node's.

    Raises:
        UserError: The configuration asks for a device that is not there, for part of the work only, or for a precision
            that images do not have.
    """
    for key in node:
        if key.startswith("limit_") or key in {"fast_dev_run", "max_steps", "max_time", "overfit_batches"}:
            raise UserError(f"trainer.{key} would leave the work half done: use data.limit or debug=default instead")
    if str(node.get("precision")) in {"16-true", "bf16-true"}:
        raise UserError(
            f"trainer.precision={node['precision']} would round the images themselves: use "
            f"{str(node['precision']).removesuffix('-true')}-mixed"
        )
    return _trainer(
        node,
        callbacks=[*callbacks, StopBetweenBatches()],
        logger=list(loggers),
        **{"strategy": "auto", "num_nodes": 1, "devices": _device(node, place or Place()), **options},
    )


def device_of(node: Mapping[str, Any], place: Place) -> torch.device:
    """Return the device that a process works on.

    Raises:
        UserError: There are more processes than devices.
    """
    return _trainer(node, strategy="auto", num_nodes=1, devices=_device(node, place)).strategy.root_device


@contextmanager
def training_strategy(node: Mapping[str, Any], ranks: Ranks) -> Iterator[dict[str, Any]]:
    """Yield the options of `make_trainer` by which ranks train one model together, each on its device.

    Raises:
        UserError: There are more processes than devices, or nodes have different numbers of them.
    """
    place = ranks.place
    if place.world_size == 1:
        yield {}
        return
    if place.world_size % place.local_size:
        raise UserError(
            f"{place.world_size} processes train together, {place.local_size} of them on one node: start as many on "
            "each node"
        )
    device = device_of(node, place)
    with ranks.as_default_group("nccl" if device.type == "cuda" else "gloo"):
        yield {
            # Lightning takes the one at a process's local rank, and each process knows, or even sees, but its own.
            "strategy": DDPStrategy(parallel_devices=[device] * place.local_size),
            "devices": _device(node, place),
            "num_nodes": place.world_size // place.local_size,
            "plugins": [_RanksEnvironment(place)],
        }


class _RanksEnvironment(LightningEnvironment):
    """Tells Lightning where a rank stands among those that have met."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place
        self.set_world_size(place.world_size)
        self.set_global_rank(place.rank)

    @property
    def creates_processes_externally(self) -> bool:
        return True

    def set_global_rank(self, rank: int) -> None:
        """Keep the rank: Lightning's counts node by node, but a cluster may deal ranks to its nodes in turn."""
        super().set_global_rank(self._place.rank)

    def local_rank(self) -> int:
        return self._place.local_rank

    def node_rank(self) -> int:
        return self._place.rank // self._place.local_size

    def teardown(self) -> None:
        """Leave to the job that comes next what `torchrun` has said."""


def _trainer(node: Mapping[str, Any], **options: Any) -> Trainer:
    options = {
        "logger": False,
        "inference_mode": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "plugins": [LightningEnvironment()],  # what a cluster sets is none of a single device's business
        **options,
    }
    return expect(Trainer, build_target(node, "trainer", **options), "trainer")


def _device(node: Mapping[str, Any], place: Place) -> list[int] | int:
    """Return the device of a process, as Lightning takes it.

    Raises:
        UserError: There are more processes than devices.
    """
    trainer = _trainer(node)
    if isinstance(trainer.accelerator, CPUAccelerator):
        return 1
    devices = trainer.device_ids
    if len(devices) == 1:  # also where a cluster shows each process its own
        return devices
    if place.local_rank >= len(devices):
        raise UserError(
            f"{place.local_size} processes share this machine's {len(devices)} devices: start as many processes as "
            "devices"
        )
    return [devices[place.local_rank]]


def make_data(node: Mapping[str, Any], key: str = "data") -> ImageDataModule:
    """Build a DataModule."""
    return expect(ImageDataModule, build_target(node, key), key)


def make_all(nodes: Mapping[str, Mapping[str, Any]] | None, key: str) -> list[Any]:
    """Build every entry of a group such as `callbacks` or `logger`; None is an empty group."""
    return [build_target(node, f"{key}.{name}") for name, node in (nodes or {}).items()]
