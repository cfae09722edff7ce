"""The scalar of a classifier's logits that is attributed or differentiated."""

from collections.abc import Callable
from typing import TypeAlias

from torch import Tensor

Output: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Maps logits (B, K) and a class for each image (B,) to one number per image, (B,)."""


def class_probability(logits: Tensor, classes: Tensor) -> Tensor:
    """The softmax probability of each image's class."""
    return _picked(logits.softmax(dim=1), classes)


def class_logit(logits: Tensor, classes: Tensor) -> Tensor:
    """The logit of each image's class."""
    return _picked(logits, classes)


def class_margin(logits: Tensor, classes: Tensor) -> Tensor:
    """The logit of each image's class over the largest other one.

    Example:
        >>> import torch
        >>> class_margin(torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([1]))
        tensor([-2.])
    """
    others = logits.scatter(1, classes[:, None], -float("inf"))
    return _picked(logits, classes) - others.amax(dim=1)


OUTPUTS: dict[str, Output] = {"probability": class_probability, "logit": class_logit, "margin": class_margin}


def of_classes(output: Output, classes: Tensor) -> Callable[[Tensor], Tensor]:
    """Return an output as a function of the logits alone."""
    return lambda logits: output(logits, classes)


def _picked(values: Tensor, classes: Tensor) -> Tensor:
    return values.gather(1, classes[:, None]).squeeze(1)
