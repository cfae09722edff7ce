"""What every kind of model has in common before it is loaded."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from naa_lightning.validation import check_at_least, check_file_name


@dataclass(frozen=True, kw_only=True)
class ModelSource(ABC):
    """Describes a model without loading it.

    Args:
        name: The name in tables and files.
        num_classes: The number of classes.

    Raises:
        ValueError: The name is none for a file, or there are no classes.
    """

    name: str
    num_classes: int = 1000

    def __post_init__(self) -> None:
        check_file_name("name", self.name)
        check_at_least("num_classes", self.num_classes, 1)

    @property
    def files(self) -> Sequence[Path]:
        """The files that say what the model does, besides weights that are tensors of torch: a network's, or code."""
        return ()

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
