"""What a model says of images."""

from dataclasses import dataclass

from torch import Tensor

INVALID = -1
"""Stands for the class where the logits are no numbers."""

ABSTAINED = -2
"""Stands for the class where a defence refuses to decide."""


@dataclass
class Answer:
    """Predicted classes.

    Args:
        classes: (B,), int64; negative where there is no answer.
        confidence: Softmax probability, or share of the votes, of each class, (B,); 0 where there is no answer.
    """

    classes: Tensor
    confidence: Tensor


def answer(logits: Tensor) -> Answer:
    """Read logits (B, K); an image whose softmax is not finite gets no answer.

    Example:
        >>> import torch
        >>> answer(torch.tensor([[0.0, 0.0, 1.0], [float("nan"), 0.0, 1.0], [-torch.inf, 0.0, -torch.inf]])).classes
        tensor([ 2, -1,  1])
    """
    probabilities = logits.float().softmax(1)
    confidence, classes = probabilities.max(1)
    known = probabilities.isfinite().all(1)
    return Answer(classes.where(known, INVALID), confidence.where(known, 0))
