"""What every kind of model has in common before it is loaded."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from torch import nn


@dataclass(frozen=True, kw_only=True)
class ModelSource(ABC):
    """Describes a model without loading it.

    Args:
        name: The name in tables and files.
        num_classes: The number of classes.
    """

    name: str
    num_classes: int = 1000

    @property
    def file(self) -> Path | None:
        """The file that the model is in, where its weights are no tensors of torch; None for none."""
        return None

    @abstractmethod
    def check(self) -> None:
        """Check in a few seconds what can be known without loading the model.

        Raises:
            ModelError: `build` would fail; the message says what to do.
        """

    @abstractmethod
    def build(self) -> nn.Module:
        """Load the model, in evaluation mode: images (B, 3, H, W) in [0, 1] in, logits (B, num_classes) out.

        Raises:
            ModelError: It cannot be loaded.
        """
