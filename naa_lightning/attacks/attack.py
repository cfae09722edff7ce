"""The loop that joins an attack's parts."""

import math
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from naa_lightning.attacks.budget import Budget
from naa_lightning.attacks.objectives import AttackContext, Objective
from naa_lightning.attacks.part import Part
from naa_lightning.attacks.smoothing import Smoothing
from naa_lightning.attacks.transforms import Transform, copies_of, transformed
from naa_lightning.attacks.updates import Update
from naa_lightning.models import Classifier, Ensemble, as_surrogate, frozen
from naa_lightning.models.candidates import check_attacked_layer
from naa_lightning.models.inputs import Classes, Images, as_batch
from naa_lightning.models.precision import autocast_to
from naa_lightning.rng import Draws, SeededDraws
from naa_lightning.validation import parse_number


@dataclass(frozen=True)
class Crafted:
    """Adversarial images of one batch and what they cost.

    Args:
        images: Adversarial images of shape (B, 3, H, W) in [0, 1], within the budget.
        gradient_evaluations: The number of gradients taken per image, for the objective's preparation and the steps;
            one through the mean logits of several surrogates counts as one through each.
        path_gradients: Pairs of a classifier with one attacked layer and the gradient averaged over the path there, one
            for every attacked layer, see `PreparedObjective`; empty for an attack that attributes nothing.
        preparation_seconds: The time until the objective was prepared, before the first step.
        zero_gradients: The number of each image's gradients in the steps that were zero everywhere, of shape (B,). Such
            a step goes nowhere: that the attack then fails says nothing of the surrogate's robustness (Croce and Hein,
            ICML 2020, and Carlini et al., 2019, warn of it).
        non_finite_gradients: The number of those that held an infinite value or NaN, likewise.
    """

    images: Tensor
    gradient_evaluations: int
    path_gradients: Sequence[tuple[Classifier, Tensor]]
    preparation_seconds: float
    zero_gradients: Tensor
    non_finite_gradients: Tensor


class Attack(Part):
    """An attack composed of its parts.

    The parts propose; this loop alone keeps the images within the budget and [0, 1]. It computes on the surrogate's
    device and in the images' type, but at least in single precision; the surrogate computes in its own type.

    Args:
        objective: The function of images that is increased.
        update: The rule by which gradients become steps.
        budget: The largest perturbation, and the number and size of the steps.
        transforms: The transforms of what the surrogate sees, in the order in which they are applied.
        smoothing: A filter on the gradient; None for none.
        targeted: Whether images are moved towards the given classes, by decreasing the objective, instead of away.
        temperature: What the surrogate's logits are divided by, above 1 where its softmax is saturated and gradients
            vanish; see `Crafted.zero_gradients`.

    Raises:
        ValueError: A part is of the wrong kind, or parts do not go together.

    Example:
        >>> from torch import nn
        >>> from naa_lightning.attacks import Attack, Budget, Momentum, NeuronAttribution
        >>> from naa_lightning.models import Classifier
        >>> network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> images, labels = torch.rand(2, 3, 8, 8), [0, 3]

        A surrogate and two lines give adversarial images:

        >>> surrogate = Classifier(network, mean=[0.5] * 3, std=[0.5] * 3, layer="1")
        >>> attack = Attack(objective=NeuronAttribution(), update=Momentum(), budget=Budget(eps="16/255"))
        >>> adversarial = attack(surrogate, images, labels)
        >>> bool(0 < (adversarial - images).abs().max() <= 16.001 / 255)
        True
        >>> attack.update, attack.budget.step_size
        (Momentum(decay=1.0), 0.006274509803921568)
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
        temperature: float = 1.0,
    ) -> None:
        kinds: list[tuple[type, object]] = [(Objective, objective), (Update, update), (Budget, budget)]
        kinds += [(Transform, transform) for transform in transforms]
        kinds += [] if smoothing is None else [(Smoothing, smoothing)]
        for kind, part in kinds:
            if not isinstance(part, kind):
                raise ValueError(f"expected a part of the class {kind.__name__}, got {type(part).__name__}")
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
        self.temperature = parse_number("temperature", temperature)
        if not 0 < self.temperature < math.inf:
            raise ValueError(f"temperature must be positive and finite, got {temperature}")

    def __call__(self, surrogate: nn.Module, images: Images, labels: Classes, draws: Draws | None = None) -> Tensor:
        """Return the adversarial images (B, 3, H, W) that `craft` makes of the same arguments."""
        return self.craft(surrogate, images, labels, draws).images

    def craft(
        self,
        surrogate: nn.Module,
        images: Images,
        labels: Classes,
        draws: Draws | None = None,
        *,
        images_per_pass: int | None = None,
        preparation: torch.dtype | None = None,
    ) -> Crafted:
        """Craft adversarial images and say what they cost.

        Args:
            surrogate: The attacked classifier or ensemble, or a network that `as_classifier` takes; parameters and mode
                are left as they were.
            images: Clean images of shape (B, 3, H, W) in [0, 1], of any float type and on any device, to which the
                adversarial images return; or B of them.
            labels: Classes of shape (B,) to move away from, usually the true ones; the target classes of a targeted
                attack.
            draws: The source of the attack's random numbers. None for those of seed 0 and of ids 0 to B - 1, where a
                transform that mixes images takes those of the batch.
            images_per_pass: The largest number of images that go through the surrogate at once where an objective's
                weights are averaged over many points; all B at one point do in any case. None for B.
            preparation: The type, such as bfloat16, that autocast computes in while the objective is prepared; None for
                that of the steps.

        Raises:
            ValueError: The surrogate, images or labels are not as described, or (`LayerError`) the attack is on
                features and the surrogate names no layer.
        """
        model = as_surrogate(surrogate)
        if self.temperature != 1:
            model = model.tempered(self.temperature)
        clean, classes = as_batch(model, images, labels)
        if draws is None:
            mixed = any(transform.mixes_images for transform in self.transforms)
            draws = SeededDraws(0, range(len(clean)), list(clean) if mixed else ())
        begun = time.perf_counter()
        with frozen(model), torch.enable_grad():
            with autocast_to(preparation, clean.device):
                ascent = Ascent(self, model, clean, classes, draws, images_per_pass=images_per_pass)
            if clean.is_cuda:
                torch.cuda.synchronize(clean.device)  # what is only queued there has taken no time yet
            prepared = time.perf_counter()
            (adversarial,) = deque(ascent.steps(), maxlen=1)
        first = images if isinstance(images, Tensor) else images[0]
        adversarial = adversarial.to(first.device if isinstance(first, Tensor) else "cpu")
        return Crafted(
            adversarial,
            ascent.gradient_evaluations,
            ascent.path_gradients,
            prepared - begun,
            ascent.zero_gradients,
            ascent.non_finite_gradients,
        )


class Ascent:
    """One batch on its way through an attack.

    Args:
        attack: The attack.
        surrogate: The frozen surrogate, on the images' device.
        images: Clean images of shape (B, 3, H, W) in [0, 1].
        labels: Classes of shape (B,) to move away from, or of a targeted attack, to move towards.
        draws: The source of random numbers.
        images_per_pass: The largest number of images in a pass while an objective is averaged; None means B.

    Attributes:
        gradient_evaluations: The number of gradients taken per image so far.
        path_gradients: Averaged gradients of every attacked layer; see `Crafted`.
        zero_gradients, non_finite_gradients: The numbers of such gradients of each image so far; see `Crafted`.
    """

    def __init__(
        self,
        attack: Attack,
        surrogate: Classifier | Ensemble,
        images: Tensor,
        labels: Tensor,
        draws: Draws,
        *,
        images_per_pass: int | None = None,
    ) -> None:
        self.attack = attack
        self.images = images
        self.draws = draws
        self.zero_gradients = torch.zeros(len(images), dtype=torch.int64, device=images.device)
        self.non_finite_gradients = self.zero_gradients.clone()
        self._is_grey = all(member.image_format.is_grey for member in surrogate.members)
        self._views = 0  # seen of each image in steps so far
        if images_per_pass is not None:  # whole points of a path
            images_per_pass = max(1, images_per_pass // len(images)) * len(images)
        self._prepared = [
            (part, attack.objective.prepare(AttackContext(part, images, labels, draws, self.view, images_per_pass)))
            for part in _parts(surrogate, images, feature_level=attack.objective.feature_level)
        ]
        self.gradient_evaluations = sum(prepared.gradient_evaluations for _, prepared in self._prepared)
        self.path_gradients = [
            (part, prepared.path_gradient) for part, prepared in self._prepared if prepared.path_gradient is not None
        ]

    def view(self, images: Tensor, number: int) -> Tensor:
        """Return what the surrogate sees of images (B, 3, H, W) in the pass of a number."""
        with torch.autocast(images.device.type, enabled=False):
            return transformed(images, self.attack.transforms, number, self.draws)

    def steps(self) -> Iterator[Tensor]:
        """Yield the images (B, 3, H, W) after every step."""
        budget = self.attack.budget
        step = self.attack.update.begin(budget, self.draws)
        start = self._prepared[0][1].start
        adversarial = budget.start(self.images, self.draws) if start is None else start
        if self._is_grey:
            adversarial = self.images + _grey(adversarial - self.images)
        for _ in range(budget.steps):
            adversarial = budget.project(adversarial + step(adversarial, self.gradient_at), self.images)
            yield adversarial

    def gradient_at(self, points: Tensor) -> Tensor:
        """Return the gradient at images (B, 3, H, W), averaged over their views and the surrogate's parts."""
        copies = copies_of(self.attack.transforms)
        point = points.detach().requires_grad_()
        total = torch.zeros_like(points)
        for part, prepared in self._prepared:
            for number in range(self._views, self._views + copies):
                view = partial(self.view, number=number)
                total += torch.autograd.grad(prepared.score(view(point), view).sum(), point)[0]
                self.gradient_evaluations += len(part.members)
        self._views += copies
        gradient = total / (copies * len(self._prepared))
        if self._is_grey:
            gradient = _grey(gradient)
        if self.attack.smoothing is not None:
            with torch.autocast(gradient.device.type, enabled=False):
                gradient = self.attack.smoothing(gradient)
        largest = gradient.abs().amax(dim=(1, 2, 3))
        self.zero_gradients += largest == 0
        self.non_finite_gradients += ~largest.isfinite()
        return -gradient if self.attack.targeted else gradient


def _grey(change: Tensor) -> Tensor:
    """Return a change of images (B, 3, H, W) of a network of one channel: grey, up to clipping to [0, 1]."""
    return change.mean(1, keepdim=True).expand_as(change)


def _parts(surrogate: Classifier | Ensemble, images: Tensor, *, feature_level: bool) -> Sequence[Classifier]:
    """Return the classifiers that an objective is computed on, each by itself."""
    if feature_level:
        for classifier in surrogate.members:
            check_attacked_layer(classifier, images)
        return surrogate.layer_views()
    if isinstance(surrogate, Ensemble) and surrogate.combine == "losses":
        return surrogate.members
    return [cast(Classifier, surrogate)]  # an objective of logits only calls it
