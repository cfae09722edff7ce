"""The scalar of a classifier's logits that is attributed or differentiated."""

from collections.abc import Callable
from typing import TypeAlias

from torch import Tensor

Output: TypeAlias = Callable[[Tensor], Tensor]
"""Maps logits (B, K) to one number per image, (B,)."""


def class_probability(classes: Tensor) -> Output:
    """The softmax probability of each image's class (B,)."""
    return lambda logits: _picked(logits.softmax(dim=1), classes)


def class_logit(classes: Tensor) -> Output:
    """The logit of each image's class (B,)."""
    return lambda logits: _picked(logits, classes)


def _picked(values: Tensor, classes: Tensor) -> Tensor:
    return values.gather(1, classes[:, None]).squeeze(1)
