"""The loop that joins an attack's parts."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from naa_lightning.attacks.budget import Budget
from naa_lightning.attacks.objectives import Objective, Task
from naa_lightning.attacks.smoothing import Smoothing
from naa_lightning.attacks.transforms import Transform, copies_of, transformed
from naa_lightning.attacks.updates import Update
from naa_lightning.models import Classifier, Ensemble, frozen
from naa_lightning.models.inputs import check_batch
from naa_lightning.models.precision import autocast_to
from naa_lightning.rng import Draws


@dataclass(frozen=True)
class Crafted:
    """What an attack made of a batch.

    Args:
        images: Adversarial images (B, 3, H, W) in [0, 1], within the budget.
        gradient_evaluations: Gradients taken per image, for the objective's preparation and the steps; one through the
            mean logits of several surrogates counts as one through each.
        path_gradients: Of every attacked layer, with a classifier that has that layer alone; see `Goal`. Empty for an
            attack that attributes nothing.
        preparation_seconds: Until the objective was prepared, before the first step.
    """

    images: Tensor
    gradient_evaluations: int
    path_gradients: Sequence[tuple[Classifier, Tensor]]
    preparation_seconds: float


class Attack:
    """An attack composed of its parts.

    The parts propose; this loop alone keeps the images within the budget and [0, 1].

    Args:
        objective: What is increased.
        update: How gradients become a step.
        budget: How far and in how many steps.
        transforms: What the surrogate sees instead of the images, applied in order.
        smoothing: A filter on the gradient.
        targeted: Whether images are moved towards the given classes, by decreasing the objective, instead of away.

    Raises:
        ValueError: Parts do not go together.

    Example:
        >>> from torch import nn
        >>> from naa_lightning.attacks import Attack, Budget, Momentum, NeuronAttribution, SeededDraws
        >>> from naa_lightning.models import Classifier
        >>> network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> images, labels = torch.rand(2, 3, 8, 8), torch.tensor([0, 3])

        A surrogate and three lines give adversarial images:

        >>> surrogate = Classifier(network, mean=[0.5] * 3, std=[0.5] * 3, layer="1")
        >>> attack = Attack(objective=NeuronAttribution(), update=Momentum(), budget=Budget(eps="16/255"))
        >>> draws = SeededDraws(seed=0, ids=[0, 1])
        >>> adversarial = attack(surrogate, images, labels, draws).images
        >>> bool(0 < (adversarial - images).abs().max() <= 16.001 / 255)
        True
    """

    def __init__(
        self,
        *,
        objective: Objective,
        update: Update,
        budget: Budget,
        transforms: Sequence[Transform] = (),
        smoothing: Smoothing | None = None,
        targeted: bool = False,
    ) -> None:
        if budget.norm not in update.norms:
            raise ValueError(
                f"{type(update).__name__} works with budgets of the norm {' or '.join(update.norms)}, got {budget.norm}"
            )
        if targeted and objective.untargetable is not None:
            raise ValueError(f"{type(objective).__name__} cannot be targeted: {objective.untargetable}")
        if len({type(transform) for transform in transforms}) < len(transforms):
            raise ValueError("two transforms of one kind would draw the same numbers: use each kind once")
        self.objective = objective
        self.update = update
        self.budget = budget
        self.transforms = tuple(transforms)
        self.smoothing = smoothing
        self.targeted = targeted

    def __call__(
        self,
        surrogate: Classifier | Ensemble,
        images: Tensor,
        labels: Tensor,
        draws: Draws,
        *,
        pass_images: int | None = None,
        preparation: torch.dtype | None = None,
    ) -> Crafted:
        """Craft adversarial images.

        Args:
            surrogate: On the images' device. Its parameters and mode are left as they were.
            images: Clean images (B, 3, H, W) in [0, 1].
            labels: Classes (B,) to move away from, usually the true ones; of a targeted attack, to move towards.
            draws: Where the attack's random numbers come from.
            pass_images: How many images may go through the surrogate at once where an objective's weights are averaged
                over many; all B at one point of a path do in any case. None: no more than these.
            preparation: What autocast computes in while an objective is made ready, such as bfloat16; None: as in
                steps.

        Raises:
            ValueError: The images or labels are not as described.
        """
        check_batch(images, labels)
        begun = time.perf_counter()
        with frozen(surrogate), torch.enable_grad():
            with autocast_to(preparation, images.device):
                ascent = Ascent(self, surrogate, images, labels, draws, pass_images=pass_images)
            if images.is_cuda:
                torch.cuda.synchronize(images.device)  # what is only queued there has taken no time yet
            prepared = time.perf_counter()
            (adversarial,) = deque(ascent.steps(), maxlen=1)
        return Crafted(adversarial, ascent.gradient_evaluations, ascent.path_gradients, prepared - begun)


class Ascent:
    """One batch on its way through an attack.

    Args:
        attack: Which.
        surrogate: As in `Attack.__call__`, frozen.
        images: As in `Attack.__call__`.
        labels: As in `Attack.__call__`.
        draws: As in `Attack.__call__`.
        pass_images: As in `Attack.__call__`.

    Attributes:
        gradient_evaluations: Gradients taken per image so far.
        path_gradients: See `Crafted`.
    """

    def __init__(
        self,
        attack: Attack,
        surrogate: Classifier | Ensemble,
        images: Tensor,
        labels: Tensor,
        draws: Draws,
        *,
        pass_images: int | None = None,
    ) -> None:
        self.attack = attack
        self.images = images
        self.draws = draws
        self._seen = 0  # how many images the surrogate has seen instead of each image
        parts = _parts(surrogate, feature_level=attack.objective.feature_level)
        whole_points = None if pass_images is None else max(1, pass_images // len(images)) * len(images)
        tasks = [Task(part, images, labels, draws, self.view, whole_points) for part in parts]
        goals = [attack.objective.prepare(task) for task in tasks]
        self._goals = [(_size(part), goal) for part, goal in zip(parts, goals, strict=True)]
        self.gradient_evaluations = sum(goal.gradient_evaluations for goal in goals)
        self.path_gradients = [
            (part, goal.path_gradient)
            for part, goal in zip(parts, goals, strict=True)
            if goal.path_gradient is not None
        ]

    def view(self, images: Tensor, number: int) -> Tensor:
        """Return what the surrogate sees of images (B, 3, H, W) in its pass of that number."""
        with torch.autocast(images.device.type, enabled=False):
            return transformed(images, self.attack.transforms, number, self.draws)

    def steps(self) -> Iterator[Tensor]:
        """Yield the images (B, 3, H, W) after every step."""
        budget = self.attack.budget
        step = self.attack.update.begin(budget, self.draws)
        start = self._goals[0][1].start
        adversarial = budget.start(self.images, self.draws) if start is None else start
        for _ in range(budget.steps):
            adversarial = budget.project(adversarial + step(adversarial, self.gradient_at), self.images)
            yield adversarial

    def gradient_at(self, points: Tensor) -> Tensor:
        """Return the gradient at images (B, 3, H, W), averaged over what is seen of them and over the goals."""
        copies = copies_of(self.attack.transforms)
        point = points.detach().requires_grad_()
        total = torch.zeros_like(points)
        for members, goal in self._goals:
            for number in range(self._seen, self._seen + copies):
                view = partial(self.view, number=number)
                total += torch.autograd.grad(goal.score(view(point), view).sum(), point)[0]
                self.gradient_evaluations += members
        self._seen += copies
        gradient = total / (copies * len(self._goals))
        if self.attack.smoothing is not None:
            with torch.autocast(gradient.device.type, enabled=False):
                gradient = self.attack.smoothing(gradient)
        return -gradient if self.attack.targeted else gradient


def _parts(surrogate: Classifier | Ensemble, *, feature_level: bool) -> Sequence[Classifier]:
    """Return the classifiers that an objective is computed on, each by itself."""
    if feature_level:
        return surrogate.layer_views()
    if isinstance(surrogate, Ensemble) and surrogate.combine == "losses":
        return surrogate.members
    return [cast(Classifier, surrogate)]  # an objective of logits only calls it


def _size(part: nn.Module) -> int:
    return len(part.members) if isinstance(part, Ensemble) else 1
