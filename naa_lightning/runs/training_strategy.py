"""Ranks that train one model together."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lightning_fabric.plugins.environments import LightningEnvironment
from pytorch_lightning.strategies import DDPStrategy

from naa_lightning.distributed.process_info import ProcessInfo
from naa_lightning.distributed.ranks import Ranks
from naa_lightning.exceptions import UserError
from naa_lightning.runs.trainer import device_of, trainer_devices


@contextmanager
def training_strategy(node: Mapping[str, Any], ranks: Ranks) -> Iterator[dict[str, Any]]:
    """Yield the options of `make_trainer` by which ranks train one model together, each on its device.

    Args:
        node: Node `trainer` of the configuration.
        ranks: Ranks that train together.

    Raises:
        UserError: There are more processes than devices, or nodes have different numbers of them.
    """
    process = ranks.process
    if process.world_size == 1:
        yield {}
        return
    nodes = ranks.gathered(lambda: process.node_rank)
    per_node = [nodes.count(node_rank) for node_rank in sorted(set(nodes))]
    if len(set(per_node)) > 1:
        raise UserError(
            f"{process.world_size} processes train together, {', '.join(map(str, per_node))} of them on the nodes: "
            "start as many on each node"
        )
    device = device_of(node, process)
    with ranks.as_default_group("nccl" if device.type == "cuda" else "gloo"):
        yield {
            # Lightning takes the one at a process's local rank, and each process knows, or even sees, but its own.
            "strategy": DDPStrategy(parallel_devices=[device] * per_node[0]),
            "devices": trainer_devices(node, process),
            "num_nodes": len(per_node),
            "plugins": [_RanksEnvironment(process)],
        }


class _RanksEnvironment(LightningEnvironment):
    """Tells Lightning which rank this process is among those that have met."""

    def __init__(self, process: ProcessInfo) -> None:
        super().__init__()
        self._process = process
        self.set_world_size(process.world_size)
        self.set_global_rank(process.rank)

    @property
    def creates_processes_externally(self) -> bool:
        return True

    def set_global_rank(self, rank: int) -> None:
        """Keep the rank: Lightning's counts node by node, but a cluster may deal ranks to its nodes in turn."""
        super().set_global_rank(self._process.rank)

    def local_rank(self) -> int:
        return self._process.local_rank

    def node_rank(self) -> int:
        return self._process.node_rank

    def teardown(self) -> None:
        """Leave to the job that comes next what `torchrun` has said."""
