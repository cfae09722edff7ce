"""Standard training."""

from torch import Tensor
from torch.nn import functional as F

from naa_lightning.training.losses.loss import Step, TrainingLoss, check_smoothing


class CleanTraining(TrainingLoss):
    """Cross-entropy of clean images.

    Args:
        label_smoothing: The share of the label's probability that is spread over all classes, in [0, 1).

    Raises:
        ValueError: The share is out of range.
    """

    hardens = False

    def __init__(self, *, label_smoothing: float = 0.0) -> None:
        self.label_smoothing = check_smoothing(label_smoothing)

    def __call__(self, step: Step) -> Tensor:
        """Return the mean cross-entropy."""
        return F.cross_entropy(step.model(step.images), step.labels, label_smoothing=self.label_smoothing)
