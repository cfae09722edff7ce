"""Several processes that share the work of a run.

Images need nothing from each other. So each process, a rank, works with a trainer of its own on one device, and the
ranks meet only to share out images and to exchange what came of them.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar, cast

from torch import distributed
from torch.distributed import ProcessGroupGloo, Store, rendezvous

from naa_lightning.distributed.process_info import ProcessInfo
from naa_lightning.distributed.stopping import stop_if_asked
from naa_lightning.exceptions import RankError, RankLostError, UserError, in_one_line

T = TypeVar("T")

JOIN_TIMEOUT = timedelta(minutes=10)
# A rank on a slow device is waited for; one that is gone is noticed at once, because its connections close.
EXCHANGE_TIMEOUT = timedelta(hours=6)
ENDED_EARLY = "another rank of the run ended early"


class Ranks:
    """The ranks of a run, as one of them sees them; by default the only one.

    What is done with all of them must be done by all, in the same order. An error of one is then an error of all.

    Args:
        process: This process's index among the ranks.
        group: Group of the ranks; None where there is but this one.
        store: Store by which they found each other.
    """

    def __init__(
        self, process: ProcessInfo | None = None, group: ProcessGroupGloo | None = None, store: Store | None = None
    ) -> None:
        self.process = process or ProcessInfo()
        self._group = group
        self._store = store

    @property
    def first(self) -> bool:
        """Whether this is the one that reports."""
        return self.process.rank == 0

    def share(self, items: Sequence[T]) -> list[T]:
        """Return this rank's share of items: those of all ranks are all of them, none twice.

        Args:
            items: Items in the order that all ranks have.

        Example:
            >>> [Ranks(ProcessInfo(rank, world_size=2)).share("abc") for rank in (0, 1)]
            [['a', 'c'], ['b']]
        """
        return list(items[self.process.rank :: self.process.world_size])

    def gathered(self, work: Callable[[], T]) -> list[T]:
        """Do something on every rank and return the results of all, by rank.

        Args:
            work: Function whose result can be pickled.

        Raises:
            RankError: It failed on another rank, or a rank is gone.
            Exception: It failed here.
        """
        if self._group is None:
            return [work()]
        try:
            result = work()
        except Exception as error:
            _all_gather((None, in_one_line(error)), self._group)
            raise
        found = _all_gather((result, None), self._group)
        for _, failure in found:
            if failure is not None:
                raise RankError(failure)
        return [result for result, _ in found]

    def everywhere(self, work: Callable[[], T]) -> T:
        """Do something on every rank and return this rank's result, exchanging nothing but that it went well.

        Raises:
            RankError, Exception: As `gathered` raises them.
        """
        kept: list[T] = []
        self.gathered(lambda: kept.append(work()))
        return kept[0]

    def from_first(self, work: Callable[[], T]) -> T:
        """Do something on the first rank alone and return its result on all.

        Raises:
            RankError, Exception: As `gathered` raises them.
        """
        found: list[T | None] = self.gathered(work if self.first else _nothing)
        return cast(T, found[0])

    @contextmanager
    def as_default_group(self, backend: str) -> Iterator[None]:
        """Be torch's default group meanwhile, in which all compute together.

        Args:
            backend: Library that carries tensors: "gloo", or "nccl" between GPUs.
        """
        distributed.init_process_group(
            backend,
            store=self._store,
            rank=self.process.rank,
            world_size=self.process.world_size,
            timeout=EXCHANGE_TIMEOUT,
        )
        try:
            yield
        finally:
            distributed.destroy_process_group()

    def part(self) -> bool:
        """Part from the others and return whether this is the first rank, which goes on alone."""
        self._group = None
        self.process = replace(self.process, world_size=1)
        return self.first

    def first_before_others(self, work: Callable[[], None]) -> None:
        """Do something on the first rank and then on the others, which may find it done.

        Raises:
            RankError, Exception: As `gathered` raises them.
        """
        self.from_first(work)
        self.everywhere(_nothing if self.first else work)


def _nothing() -> None: ...


@contextmanager
def joined(process: ProcessInfo) -> Iterator[Ranks]:
    """Find the other ranks and part from them at the end, if not before.

    Args:
        process: This process, as one of the ranks.

    Raises:
        UserError: They cannot be found; a RankError where they were, but are gone.
    """
    if process.world_size == 1:
        yield Ranks(process)
        return
    rank, world_size, url = process.rank, process.world_size, process.init_method
    try:
        store, _, _ = next(iter(rendezvous(url, rank, world_size, timeout=JOIN_TIMEOUT)))
        ranks = Ranks(process, _connected(process, store), store)
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"rank {rank} of {world_size} does not find the others at {url} ({in_one_line(error)}): set MASTER_ADDR "
            "and MASTER_PORT to where the first one can be reached"
        ) from error
    try:
        yield ranks
    finally:
        ranks.part()


def _connected(process: ProcessInfo, store: Store) -> ProcessGroupGloo:
    """Return a group of the ranks that is not torch's default one.

    Libraries that find a default group synchronise in it whatever they compute, also where one rank computes alone.
    """
    try:
        return ProcessGroupGloo(store, process.rank, process.world_size, EXCHANGE_TIMEOUT)
    except distributed.DistNetworkError as error:  # of the store, which lives in the first rank
        stop_if_asked("waiting for the other ranks")
        raise RankLostError(ENDED_EARLY) from error


def _all_gather(outcome: tuple[Any, str | None], group: ProcessGroupGloo) -> list[tuple[Any, str | None]]:
    """Return the outcome of each rank: the result of its work, and None or the words of its failure."""
    found = [outcome] * group.size()
    try:
        with warnings.catch_warnings():
            # `new_group` makes groups only beside a default one, so torch finds a bare backend here, and warns of it.
            warnings.filterwarnings("ignore", "You are using a Backend", UserWarning)
            distributed.all_gather_object(found, outcome, group)  # type: ignore[arg-type]
    except RuntimeError as error:  # gloo's word for a connection that closed or a time that ran out
        stop_if_asked("waiting for the other ranks")
        raise RankLostError(ENDED_EARLY) from error
    return found
