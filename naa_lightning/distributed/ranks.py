"""Several processes that share the work of a run.

Images need nothing from each other. So each process, a rank, works with a trainer of its own on one device, and the
ranks meet only to share out images and to exchange what came of them.
"""

import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Generic, TypeVar, cast

import torch
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from torch import Tensor, distributed
from torch.distributed import ProcessGroupGloo
from torch.distributed.distributed_c10d import Store
from torch.distributed.rendezvous import rendezvous

from naa_lightning.distributed.stopping import stop_if_asked
from naa_lightning.exceptions import RankError, UserError, in_one_line

T = TypeVar("T")

# For all ranks to be there.
TO_JOIN = timedelta(minutes=10)
# A rank on a slow device is waited for; one that is gone is noticed at once, because its connections close.
TO_WAIT = timedelta(hours=6)
ENDED_EARLY = "another rank of the run ended early"


@dataclass(frozen=True)
class Place:
    """Which of several processes this is.

    Args:
        rank: Among all of them.
        world_size: How many there are.
        local_rank: Among those on this machine.
        local_size: How many are on this machine.
        rendezvous: The URL where they find each other.
        starter: What started them, where a cluster did: "srun" or "torchrun".
    """

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0
    local_size: int = 1
    rendezvous: str = ""
    starter: str | None = None


def place_given() -> Place:
    """Return the place that `torchrun` or `srun` gives this process, or that of a process alone."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        return Place(
            rank=int(os.environ["RANK"]),
            world_size=int(os.environ["WORLD_SIZE"]),
            local_rank=int(os.environ["LOCAL_RANK"]),
            local_size=int(os.environ["LOCAL_WORLD_SIZE"]),
            rendezvous="env://",
            starter="torchrun",
        )
    tasks = int(os.environ.get("SLURM_STEP_NUM_TASKS", "1"))
    if tasks == 1:
        return Place()
    return Place(
        rank=int(os.environ["SLURM_PROCID"]),
        world_size=tasks,
        local_rank=int(os.environ["SLURM_LOCALID"]),
        local_size=_tasks_of_node(os.environ["SLURM_STEP_TASKS_PER_NODE"], int(os.environ["SLURM_NODEID"])),
        rendezvous=_address_in_slurm(),
        starter="srun",
    )


def _tasks_of_node(tasks: str, node: int) -> int:
    """Read SLURM's list of tasks per node.

    >>> [_tasks_of_node("4(x2),1", node) for node in range(3)]
    [4, 4, 1]
    """
    counts: list[int] = []
    for part in tasks.split(","):
        count, _, times = part.rstrip(")").partition("(x")
        counts += [int(count)] * int(times or 1)
    return counts[node]


def _address_in_slurm() -> str:
    """Return a URL on the step's first node, at a port that other steps and jobs hardly ever share."""
    nodes = os.environ["SLURM_STEP_NODELIST"]
    node = os.environ.get("MASTER_ADDR") or SLURMEnvironment.resolve_root_node_address(nodes)
    step = 31 * int(os.environ["SLURM_JOB_ID"]) + int(os.environ["SLURM_STEP_ID"])
    return f"tcp://{node}:{os.environ.get('MASTER_PORT', 15000 + step % 15000)}"


class Ranks:
    """The ranks of a run, as one of them sees them; by default the only one.

    What is done with all of them must be done by all, in the same order. An error of one is then an error of all.

    Args:
        place: Of this one.
        group: Connects them; None where there is but this one. It is not torch's default one: libraries that find a
            default one synchronise in it whatever they compute, also where one rank computes alone.
        store: Where they found each other.
    """

    def __init__(
        self, place: Place | None = None, group: ProcessGroupGloo | None = None, store: Store | None = None
    ) -> None:
        self.place = place or Place()
        self._group = group
        self._store = store

    @property
    def first(self) -> bool:
        """Whether this is the one that reports."""
        return self.place.rank == 0

    def share(self, items: Sequence[T]) -> list[T]:
        """Return this rank's share of items: those of all ranks are all of them, none twice.

        Example:
            >>> [Ranks(Place(rank, world_size=2)).share("abc") for rank in (0, 1)]
            [['a', 'c'], ['b']]
        """
        return list(items[self.place.rank :: self.place.world_size])

    def gathered(self, work: Callable[[], T]) -> list[T]:
        """Do something on every rank and return what came of it, by rank.

        Raises:
            RankError: It failed on another rank, or a rank is gone.
            Exception: It failed here.
        """
        if self._group is None:
            return [work()]
        try:
            mine = _Outcome([work()])
        except Exception as error:
            _exchanged(_Outcome([], in_one_line(error)), self._group)
            raise
        found = _exchanged(mine, self._group)
        for outcome in found:
            if outcome.failure is not None:
                raise RankError(outcome.failure)
        return [value for outcome in found for value in outcome.values]

    def everywhere(self, work: Callable[[], T]) -> T:
        """Do something on every rank, exchanging nothing but that it went well.

        Raises:
            RankError, Exception: As of `gathered`.
        """
        kept: list[T] = []
        self.gathered(lambda: kept.append(work()))
        return kept[0]

    def from_first(self, work: Callable[[], T]) -> T:
        """Do something on the first rank alone and tell all what came of it.

        Raises:
            RankError, Exception: As of `gathered`.
        """
        found: list[T | None] = self.gathered(work if self.first else _nothing)
        return cast(T, found[0])

    @contextmanager
    def as_default_group(self, backend: str) -> Iterator[None]:
        """Be torch's default group meanwhile, in which all compute together.

        Args:
            backend: How tensors travel: "gloo", or "nccl" between GPUs.
        """
        if self._store is None:
            yield
            return
        place = self.place
        distributed.init_process_group(
            backend, store=self._store, rank=place.rank, world_size=place.world_size, timeout=TO_WAIT
        )
        try:
            yield
        finally:
            distributed.destroy_process_group()

    def part(self) -> bool:
        """Part from the others and tell whether this is the first rank, which goes on alone."""
        self._group = None
        self.place = replace(self.place, world_size=1)
        return self.first

    def first_before_others(self, work: Callable[[], None]) -> None:
        """Do something on the first rank and then on the others, which may find it done.

        Raises:
            RankError, Exception: As of `gathered`.
        """
        self.from_first(work)
        self.everywhere(_nothing if self.first else work)


@dataclass(frozen=True)
class _Outcome(Generic[T]):
    """What came of some work: one value, or a failure in words."""

    values: Sequence[T]
    failure: str | None = None


def _nothing() -> None: ...


@contextmanager
def joined(place: Place) -> Iterator[Ranks]:
    """Find the other ranks and part from them at the end, if not before.

    Raises:
        UserError: They cannot be found; a RankError where they were, but are gone.
    """
    if place.world_size == 1:
        yield Ranks(place)
        return
    try:
        store, _, _ = next(iter(rendezvous(place.rendezvous, place.rank, place.world_size, timeout=TO_JOIN)))
        ranks = Ranks(place, _connected(place, store), store)
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"rank {place.rank} of {place.world_size} does not find the others at {place.rendezvous} "
            f"({in_one_line(error)}): set MASTER_ADDR and MASTER_PORT to where the first one can be reached"
        ) from error
    try:
        yield ranks
    finally:
        ranks.part()


def _connected(place: Place, store: Store) -> ProcessGroupGloo:
    try:
        return ProcessGroupGloo(store, place.rank, place.world_size, TO_WAIT)
    except distributed.DistNetworkError as error:  # of the store, which lives in the first rank
        stop_if_asked("waiting for the other ranks")
        raise RankError(ENDED_EARLY) from error


def _exchanged(mine: T, group: ProcessGroupGloo) -> list[T]:
    """Return what each rank gave, by rank."""
    content = torch.frombuffer(bytearray(pickle.dumps(mine)), dtype=torch.uint8)
    try:
        sizes = [int(size) for size in _all_gathered(torch.tensor([len(content)]), group)]
        padded = torch.nn.functional.pad(content, (0, max(sizes) - len(content)))
        contents = _all_gathered(padded, group)
    except RuntimeError as error:  # gloo's word for a connection that closed or a time that ran out
        stop_if_asked("waiting for the other ranks")
        raise RankError(ENDED_EARLY) from error
    return [pickle.loads(found[:size].numpy().tobytes()) for found, size in zip(contents, sizes, strict=True)]


def _all_gathered(values: Tensor, group: ProcessGroupGloo) -> list[Tensor]:
    found = [torch.empty_like(values) for _ in range(group.size())]
    group.allgather([found], [values]).wait()  # type: ignore[attr-defined]
    return found
