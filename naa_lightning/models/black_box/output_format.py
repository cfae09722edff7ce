"""The format of what a network that is not our own returns."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from naa_lightning.exceptions import ModelError
from naa_lightning.models.chosen_output import chosen_output
from naa_lightning.models.logits import GIVES, check_probabilities, remedy_for_classes


@dataclass(frozen=True, kw_only=True)
class OutputFormat:
    """What a network gives where we want logits (B, num_classes).

    Args:
        name: The name of the model in errors.
        num_classes: The number of classes.
        gives: "logits" or "probabilities".
        first_class: Index of the output for class 0; those before it are dropped.
        output: Name or index of the output, of several; see `chosen_output`.

    Raises:
        ValueError: A value is out of range.

    Example:
        >>> OutputFormat(name="mine", num_classes=2, gives="probabilities").logits([[0, 1]], torch.zeros(1, 3, 8, 8))
        tensor([[-inf, 0.]])
    """

    name: str
    num_classes: int
    gives: str = "logits"
    first_class: int = 0
    output: int | str | None = None

    def __post_init__(self) -> None:
        if self.gives not in GIVES:
            raise ValueError(f"gives must be one of {', '.join(GIVES)}, got {self.gives!r}")
        if self.first_class < 0:
            raise ValueError(f"first_class must be at least 0, got {self.first_class}")

    def logits(self, answer: Any, images: Tensor) -> Tensor:
        """Return an answer as logits.

        Args:
            answer: (B, first_class + num_classes), where further dimensions of length 1 may follow: a tensor, a NumPy
                array or nested sequences, or several outputs with it.
            images: (B, 3, H, W), what was asked about.

        Returns:
            (B, num_classes), float32, on the images' device, without gradients.

        Raises:
            ModelError: The answer is something else.
        """
        try:
            values = self._numbers(chosen_output(answer, self.output))
        except IndexError as error:
            raise ModelError(f"{self.name}: {error}; correct `output`") from error
        if values.ndim > 2 and values.shape[2:].numel() == 1:
            values = values.flatten(1)
        if values.ndim != 2 or len(values) != len(images):
            raise ModelError(
                f"{self.name} gives {tuple(values.shape)} numbers for {len(images)} images, expected "
                f"({len(images)}, {self.first_class + self.num_classes})"
            )
        classes = max(values.shape[1] - self.first_class, 0)
        if classes != self.num_classes:
            after = f" after the first {self.first_class} of its outputs" if self.first_class else ""
            remedy = remedy_for_classes(answer, classes - self.num_classes, self.first_class)
            raise ModelError(
                f"{self.name} gives {classes} classes{after}, but num_classes is {self.num_classes}; {remedy}"
            )
        values = values[:, self.first_class :]
        return (values if self.gives == "logits" else self._logarithm(values)).float().to(images.device)

    def _numbers(self, answer: Any) -> Tensor:
        try:
            # a copy, because torch warns of arrays that cannot be written to
            tensor = answer if isinstance(answer, Tensor) else torch.from_numpy(np.array(answer, order="C"))
        except Exception as error:
            raise ModelError(
                f"{self.name} gives {type(answer).__name__}, expected numbers (B, {self.num_classes}) as a tensor, "
                "NumPy array or nested list"
            ) from error
        return tensor.detach() if tensor.is_floating_point() else tensor.detach().double()

    def _logarithm(self, probabilities: Tensor) -> Tensor:
        try:
            check_probabilities(probabilities, self.name)
        except ValueError as error:
            raise ModelError(str(error)) from error
        return probabilities.clamp(0, 1).log()
