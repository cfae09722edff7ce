"""Counting what a network does to images."""

from collections.abc import Callable

from torch.utils.flop_counter import FlopCounterMode
from torch.utils.module_tracker import ModuleTracker


class _NoModules(ModuleTracker):
    """Counts for the whole alone: hooks on modules refuse images that take gradients themselves."""

    def __enter__(self) -> "_NoModules":
        return self

    def __exit__(self, *_: object) -> None:
        pass


def operations_of(work: Callable[[], object]) -> int:
    """Do work and return the operations of its convolutions and matrix products, forwards and backwards.

    A multiplication and its addition are two.

    Example:
        >>> import torch
        >>> operations_of(lambda: torch.ones(2, 3) @ torch.ones(3, 4))
        48
    """
    counter = FlopCounterMode(display=False)
    counter.mod_tracker = _NoModules()
    with counter:
        work()
    return counter.get_total_flops()
