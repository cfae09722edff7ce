"""What every way of training has in common."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor

from naa_lightning.models import Classifier
from naa_lightning.rng import Draws


@dataclass(frozen=True)
class Step:
    """One batch on its way through a training step.

    Args:
        model: The trained classifier, in training mode.
        images: Augmented images of shape (B, 3, H, W) in [0, 1].
        labels: True classes of shape (B,).
        draws: The source of random numbers.
        number: The number of the step, from 0.
    """

    model: Classifier
    images: Tensor
    labels: Tensor
    draws: Draws
    number: int


class TrainingLoss(ABC):
    """What a training step minimises.

    Attributes:
        hardens: Whether the model is meant to withstand adversarial images, so that the best epoch is the most robust
            one.
    """

    hardens: bool = True

    @abstractmethod
    def __call__(self, step: Step) -> Tensor:
        """Return the mean over the batch, a scalar."""


def check_smoothing(label_smoothing: float) -> float:
    """Return a label smoothing that is in range.

    Raises:
        ValueError: It is not.
    """
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"label_smoothing must be in [0, 1), got {label_smoothing}")
    return label_smoothing
