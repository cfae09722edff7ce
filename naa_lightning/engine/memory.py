"""Memory that a pass takes."""

from collections.abc import Callable

import torch
from torch import Tensor


def saved_tensor_bytes(forward: Callable[[Tensor], object], images: Tensor) -> int:
    """Measure how many bytes autograd saves for each image of a forward pass until gradients are taken.

    Saved tensors take nearly all of a pass's memory. What is saved once for all images, such as weights, is not
    counted.

    Args:
        forward: The function that makes the pass, called twice with autograd on.
        images: Images of shape (B, 3, H, W), of which the first is used.

    Example:
        >>> saved_tensor_bytes(torch.sigmoid, torch.ones(1, 3, 2, 2))
        48
    """
    one, two = (_saved(forward, images[[0] * count]) for count in (1, 2))
    return two - one


def _saved(forward: Callable[[Tensor], object], images: Tensor) -> int:
    saved: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        graph = forward(images.detach().requires_grad_())
    del graph
    return sum(saved.values())
