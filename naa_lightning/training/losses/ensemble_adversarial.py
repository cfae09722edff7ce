"""Ensemble adversarial training (Tramèr et al., ICLR 2018, arXiv:1705.07204)."""

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

from naa_lightning.models import Classifier
from naa_lightning.models.saved import saved_model
from naa_lightning.training.losses.loss import Step, TrainingLoss, check_smoothing
from naa_lightning.training.pgd import pgd, relative_budget


class EnsembleAdversarialTraining(TrainingLoss):
    """Mean of the cross-entropies of clean images and of images crafted on held-out, fixed models.

    From step to step the images are crafted on the next of: the model itself as it is, then each of the fixed ones.

    Args:
        models: Names or files of trained models, see `naa_lightning.models.saved.saved_model`.
        models_dir: The folder in which names are looked up.
        eps, steps, relative_step_size, random_start: See `relative_budget`; one step of the size eps without a random
            start is the paper's FGSM.
        label_smoothing: The share of the label's probability that is spread over all classes, in [0, 1).

    Raises:
        ValueError: A value is out of range, or there is no model.
        UserError: A model is not there.
    """

    def __init__(
        self,
        *,
        models: Sequence[str],
        models_dir: str,
        eps: float | str,
        steps: int,
        relative_step_size: float | str,
        random_start: bool,
        label_smoothing: float = 0.0,
    ) -> None:
        if not models:
            raise ValueError("models must name the fixed models that images are crafted on, see `naa-models`")
        self.sources = [saved_model(model, models_dir) for model in models]
        self.attack = pgd(
            relative_budget(eps=eps, steps=steps, relative_step_size=relative_step_size, random_start=random_start)
        )
        self.label_smoothing = check_smoothing(label_smoothing)

    @cached_property
    def fixed(self) -> list[Classifier]:
        """The held-out models, loaded without drawing from the random numbers of the training."""
        with torch.random.fork_rng():
            return [source.build() for source in self.sources]

    def __call__(self, step: Step) -> Tensor:
        """Return the mean over clean and adversarial images."""
        source = [step.model, *self.fixed][step.number % (1 + len(self.fixed))].to(step.images.device)
        adversarial = self.attack.craft(source, step.images, step.labels, step.draws).images
        losses = [
            F.cross_entropy(step.model(images), step.labels, label_smoothing=self.label_smoothing)
            for images in (step.images, adversarial)
        ]
        return torch.stack(losses).mean()
