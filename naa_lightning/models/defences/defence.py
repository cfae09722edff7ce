"""What stands between an image and the model that is asked about it."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from naa_lightning.models.answer import Answer
from naa_lightning.rng import Draws

Ask = Callable[[Tensor, int], Answer]
"""Asks a model, or what stands behind a defence, about images (B, 3, H, W); the number says which random draw it is."""


class Defence(ABC):
    """Any defence at inference time.

    Attributes:
        repeats: How many times a target behind it is asked about each image; 1 where nothing is drawn at random.
    """

    repeats: int = 1

    @abstractmethod
    def ask(self, behind: Ask, images: Tensor, draws: Draws, index: int) -> Answer:
        """Ask what stands behind the defence.

        Args:
            behind: The model, or the next defence.
            images: (B, 3, H, W) in [0, 1].
            draws: Where random numbers are taken from.
            index: Which random draw it is.
        """


class InputDefence(Defence):
    """A defence that changes images."""

    def ask(self, behind: Ask, images: Tensor, draws: Draws, index: int) -> Answer:
        """Ask about the changed images, which are changed in full precision whatever the model's."""
        with torch.autocast(images.device.type, enabled=False):
            changed = self.transform(images, draws, index)
        return behind(changed, index)

    @abstractmethod
    def transform(self, images: Tensor, draws: Draws, index: int) -> Tensor:
        """Change images (B, 3, H, W) in [0, 1]; see `ask`."""
