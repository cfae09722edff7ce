"""The classes that a model predicts, and how sure it is of them."""

from dataclasses import dataclass

from torch import Tensor

INVALID = -1
"""Stands for the class where the logits are no numbers."""

ABSTAINED = -2
"""Stands for the class where a defence refuses to decide."""


@dataclass
class PredictedClasses:
    """The predicted classes of a batch.

    Args:
        classes: Class indices of shape (B,), int64; negative where nothing is predicted.
        confidence: Softmax probabilities of the classes, or their shares of a defence's votes, of shape (B,) in [0, 1];
            0 where nothing is predicted.
    """

    classes: Tensor
    confidence: Tensor


def predicted_classes(logits: Tensor) -> PredictedClasses:
    """Return the most probable class of each image; none where the softmax is not finite.

    Args:
        logits: Logits of shape (B, K).

    Example:
        >>> import torch
        >>> nan, inf = torch.nan, torch.inf
        >>> predicted_classes(torch.tensor([[0.0, 0.0, 1.0], [nan, 0.0, 1.0], [-inf, 0.0, -inf]])).classes
        tensor([ 2, -1,  1])
    """
    probabilities = logits.float().softmax(1)
    confidence, classes = probabilities.max(1)
    known = probabilities.isfinite().all(1)
    return PredictedClasses(classes.where(known, INVALID), confidence.where(known, 0))
