"""How much memory a pass takes."""

from collections.abc import Callable

import torch
from torch import Tensor


def kept_bytes(forward: Callable[[Tensor], object], images: Tensor) -> int:
    """Return how many bytes autograd keeps of each image of a forward pass until gradients are taken.

    Nearly all of a pass's memory is theirs, and what is kept once for all images, such as weights, is not counted.

    Args:
        forward: Makes the pass, with autograd on.
        images: (B, 3, H, W); the first is looked at.

    Example:
        >>> kept_bytes(torch.sigmoid, torch.ones(1, 3, 2, 2))
        48
    """
    one, two = (_kept(forward, images[[0] * count]) for count in (1, 2))
    return two - one


def _kept(forward: Callable[[Tensor], object], images: Tensor) -> int:
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        graph = forward(images.detach().requires_grad_())
    del graph
    return sum(kept.values())
