"""What stands between an image and the model that classifies it."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from naa_lightning.models.predicted_classes import PredictedClasses
from naa_lightning.rng import Draws

Predict = Callable[[Tensor, int], PredictedClasses]
"""Classifies images of shape (B, 3, H, W), with or without defences; the number is the index of the random draw."""


class Defence(ABC):
    """Any defence at inference time.

    Attributes:
        repeats: The number of random draws for which each image is classified; 1 where nothing is drawn at random.
    """

    repeats: int = 1

    @abstractmethod
    def predict(self, model: Predict, images: Tensor, draws: Draws, index: int) -> PredictedClasses:
        """Classify images with the defended model.

        Args:
            model: The model, or the model behind the next defence.
            images: Images of shape (B, 3, H, W) in [0, 1].
            draws: The source of random numbers.
            index: The index of the random draw, from 0.
        """


class InputDefence(Defence):
    """A defence that changes images."""

    def predict(self, model: Predict, images: Tensor, draws: Draws, index: int) -> PredictedClasses:
        """Classify the changed images, which are changed in full precision whatever the model's."""
        with torch.autocast(images.device.type, enabled=False):
            changed = self.transform(images, draws, index)
        return model(changed, index)

    @abstractmethod
    def transform(self, images: Tensor, draws: Draws, index: int) -> Tensor:
        """Change images of shape (B, 3, H, W) in [0, 1]; the arguments are those of `predict`."""
