"""Counting what a network does to images."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count
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
        >>> operations_of(lambda: torch.ones(2, 3) @ torch.ones(3, 4))
        48
    """
    counter = FlopCounterMode(display=False, custom_mapping={torch.ops.mkldnn._convolution_pointwise: _convolved})
    counter.mod_tracker = _NoModules()
    with counter:
        work()
    return counter.get_total_flops()


def _convolved(inputs: Sequence[int], weight: Sequence[int], *_: Any, out_shape: Sequence[int], **_options: Any) -> int:
    count: int = conv_flop_count(list(inputs), list(weight), list(out_shape))
    return count
