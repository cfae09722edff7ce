"""The loop that joins an objective, an update and a budget."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from naa_lightning.attacks.budget import Budget
from naa_lightning.attacks.objectives import Goal, Objective
from naa_lightning.attacks.updates import Update
from naa_lightning.draws import Draws
from naa_lightning.models import Classifier, frozen


@dataclass(frozen=True)
class Crafted:
    """What an attack made of a batch.

    Args:
        images: Adversarial images (B, 3, H, W) in [0, 1], within the budget.
        gradient_evaluations: Gradients taken per image, for the objective's preparation and the steps.
        path_gradient: See `Goal`.
    """

    images: Tensor
    gradient_evaluations: int
    path_gradient: Tensor | None


class Attack:
    """An attack composed of its parts.

    The parts propose; this loop alone keeps the images within the budget and [0, 1].

    Args:
        objective: What is increased.
        update: How a gradient becomes a step.
        budget: How far and in how many steps.

    Example:
        >>> from torch import nn
        >>> from naa_lightning.attacks import Budget, CrossEntropy, Momentum
        >>> from naa_lightning.draws import SeededDraws
        >>> network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> surrogate = Classifier(network, mean=[0.5] * 3, std=[0.5] * 3)
        >>> attack = Attack(objective=CrossEntropy(), update=Momentum(), budget=Budget(eps="8/255"))
        >>> images, labels = torch.rand(2, 3, 8, 8), torch.tensor([0, 3])
        >>> crafted = attack(surrogate, images, labels, SeededDraws(0, ids=[0, 1]))
        >>> bool((crafted.images - images).abs().max() <= 8.001 / 255)
        True
    """

    def __init__(self, *, objective: Objective, update: Update, budget: Budget) -> None:
        self.objective = objective
        self.update = update
        self.budget = budget

    def __call__(self, surrogate: Classifier, images: Tensor, labels: Tensor, draws: Draws) -> Crafted:
        """Craft adversarial images.

        Args:
            surrogate: On the images' device. Its parameters and mode are left as they were.
            images: Clean images (B, 3, H, W) in [0, 1].
            labels: True classes (B,).
            draws: Where the attack's random numbers come from.

        Raises:
            ValueError: The images or labels are not as described.
        """
        _check(images, labels)
        with frozen(surrogate), torch.enable_grad():
            goal = self.objective.prepare(surrogate, images, labels, draws)
            (adversarial,) = deque(self.steps(goal, images), maxlen=1)
        return Crafted(adversarial, goal.gradient_evaluations + self.budget.steps, goal.path_gradient)

    def steps(self, goal: Goal, images: Tensor) -> Iterator[Tensor]:
        """Yield the images after every step towards a goal, starting at clean images (B, 3, H, W) in [0, 1]."""
        step = self.update.begin(self.budget)
        adversarial = images
        for _ in range(self.budget.steps):
            point = adversarial.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(goal.score(point).sum(), point)
            adversarial = self.budget.project(adversarial + step(gradient), images)
            yield adversarial


def _check(images: Tensor, labels: Tensor) -> None:
    if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
        raise ValueError(f"expected float images of shape (B, 3, H, W), got {images.dtype} {tuple(images.shape)}")
    if not ((images >= 0) & (images <= 1)).all():
        raise ValueError(f"expected images in [0, 1], got [{images.min():g}, {images.max():g}]")
    if labels.shape != images.shape[:1]:
        raise ValueError(f"expected labels of shape ({len(images)},), got {tuple(labels.shape)}")
