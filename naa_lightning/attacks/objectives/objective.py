"""What every objective of an attack has in common."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from torch import Tensor

from naa_lightning.attacks.part import Part
from naa_lightning.models import Classifier
from naa_lightning.rng import Draws

View: TypeAlias = Callable[[Tensor], Tensor]
"""Maps images (B, 3, H, W) to what the surrogate sees of them."""

Score: TypeAlias = Callable[[Tensor, View], Tensor]
"""Maps what the surrogate sees of adversarial images (B, 3, H, W), and its view of other images, to numbers (B,)."""


@dataclass(frozen=True)
class AttackContext:
    """The surrogate, the batch and the random numbers that an objective is prepared for.

    Args:
        surrogate: The classifier with one attacked layer; an `Ensemble` only for an objective of logits.
        images: Clean images of shape (B, 3, H, W) in [0, 1].
        labels: Attacked classes of shape (B,): the true ones, or the target classes of a targeted attack.
        draws: The source of random numbers.
        view: The function from images (B, 3, H, W) and the number of a pass to what the surrogate sees of them in it.
            Numbers below 0 are for passes of the preparation, which go through the transforms' copies in turn.
        images_per_pass: The number of images that go through the surrogate at once while weights are averaged, a
            multiple of B; None for B.
    """

    surrogate: Classifier
    images: Tensor
    labels: Tensor
    draws: Draws
    view: Callable[[Tensor, int], Tensor]
    images_per_pass: int | None = None


@dataclass(frozen=True)
class PreparedObjective:
    """An objective with its weights, ready for the steps on one batch.

    Args:
        score: The function that the attack increases, one number per image.
        gradient_evaluations: The number of gradients per image that the preparation took.
        start: Images of shape (B, 3, H, W) at which the attack begins; None for the clean images.
        path_gradient: The surrogate's gradient averaged over the attribution path, of the attacked layer's shape
            (B, ...); None for an objective that attributes nothing.
    """

    score: Score
    gradient_evaluations: int = 0
    start: Tensor | None = None
    path_gradient: Tensor | None = None


class Objective(Part, ABC):
    """A function of images that an attack increases.

    Attributes:
        feature_level: Whether it is a function of the attacked layer's output rather than of the logits.
        through_softmax: Whether it depends on probabilities, so that a saturated softmax leaves it no gradient.
        for_activations: Whether it is weak on a layer before an activation, whose output has both signs.
        untargetable: The reason why it cannot be turned towards a class; None where it can, by decreasing it.
    """

    feature_level: bool = True
    through_softmax: bool = True
    for_activations: bool = False
    untargetable: str | None = None

    @abstractmethod
    def prepare(self, context: AttackContext) -> PreparedObjective:
        """Return the objective for one batch of clean images, with weights computed."""
