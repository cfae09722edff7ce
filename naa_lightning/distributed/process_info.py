"""Which of the processes of a run this one is, as `torchrun` or `srun` says."""

import os
from dataclasses import dataclass
from typing import Literal

from lightning_fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment


@dataclass(frozen=True)
class ProcessInfo:
    """One of the processes that share a run; by default the only one.

    Args:
        rank: Index of the process among all, in [0, world_size).
        world_size: Number of processes of the run, on all nodes.
        local_rank: Index of the process among those of its node.
        node_rank: Index of the node among those of the run.
        init_method: URL of the rendezvous, as `torch.distributed.rendezvous` takes it.
        launcher: Program of the cluster that started the process; None where the user or this package did.
    """

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0
    node_rank: int = 0
    init_method: str = ""
    launcher: Literal["srun", "torchrun"] | None = None


def detect_process() -> ProcessInfo:
    """Return what `torchrun` or `srun` says of this process; it is the only one where neither started it."""
    if TorchElasticEnvironment.detect():
        elastic = TorchElasticEnvironment()
        return ProcessInfo(
            rank=elastic.global_rank(),
            world_size=elastic.world_size(),
            local_rank=elastic.local_rank(),
            node_rank=elastic.node_rank(),
            init_method="env://",
            launcher="torchrun",
        )
    # Lightning's SLURMEnvironment reads the job's size and nodes, where a step may have fewer, and refuses `srun -n 4`.
    tasks = int(os.environ.get("SLURM_STEP_NUM_TASKS", "1"))
    if tasks == 1:
        return ProcessInfo()
    return ProcessInfo(
        rank=int(os.environ["SLURM_PROCID"]),
        world_size=tasks,
        local_rank=int(os.environ["SLURM_LOCALID"]),
        node_rank=int(os.environ["SLURM_NODEID"]),
        init_method=_slurm_init_method(),
        launcher="srun",
    )


def _slurm_init_method() -> str:
    """Return a URL on the step's first node, at a port that other steps and jobs hardly ever share."""
    nodes = os.environ["SLURM_STEP_NODELIST"]
    address = os.environ.get("MASTER_ADDR") or SLURMEnvironment.resolve_root_node_address(nodes)
    step = 31 * int(os.environ["SLURM_JOB_ID"]) + int(os.environ["SLURM_STEP_ID"])
    return f"tcp://{address}:{os.environ.get('MASTER_PORT', 15000 + step % 15000)}"
