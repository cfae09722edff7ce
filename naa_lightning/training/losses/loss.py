"""What every way of training has in common."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor

from naa_lightning.models import Classifier
from naa_lightning.rng import Draws


@dataclass(frozen=True)
class Step:
    """One batch on its way through a training step.

    Args:
        model: In training mode.
        images: (B, 3, H, W) in [0, 1], augmented.
        labels: True classes (B,).
        draws: Where random numbers come from.
        number: Of the step, from 0.
    """

    model: Classifier
    images: Tensor
    labels: Tensor
    draws: Draws
    number: int


@runtime_checkable
class TrainingLoss(Protocol):
    """Anything that says what a training step minimises."""

    @property
    def hardens(self) -> bool:
        """Whether the model is meant to withstand adversarial images, so that the best epoch is the most robust one."""
        ...

    def __call__(self, step: Step) -> Tensor:
        """Return the mean over the batch, a scalar."""
        ...


def check_smoothing(label_smoothing: float) -> float:
    """Return a label smoothing that is in range.

    Raises:
        ValueError: It is not.
    """
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"label_smoothing must be in [0, 1), got {label_smoothing}")
    return label_smoothing
