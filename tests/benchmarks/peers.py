"""Crafting as one does with the package torchattack."""

from typing import Any

import torch
import torchattack
from torch import Tensor

from naa_lightning.data import Batch
from naa_lightning.models import Classifier
from tests.benchmarks.ours import Craft
from tests.benchmarks.settings import EPS, Settings


def torchattacks_crafting(surrogate: Classifier, settings: Settings, kind: str, **options: Any) -> Craft:
    """Return a call of one of torchattack's attacks.

    Its feature-level attacks read gradients by full backward hooks, for which the network's weights must take
    gradients too.

    Args:
        surrogate: Of which it takes the network and the normalisation.
        settings: Device and steps.
        kind: The attack's class.
        **options: Of the attack.
    """
    surrogate.to(settings.device).requires_grad_(True)
    attack = getattr(torchattack, kind)(
        surrogate.network,
        normalize=surrogate.preprocess,
        device=torch.device(settings.device),
        eps=EPS,
        steps=settings.steps,
        **options,
    )

    def craft(batch: Batch) -> Tensor:
        return as_saved(attack(batch["image"], batch["label"]))

    return craft


def as_saved(images: Tensor) -> Tensor:
    """Round images in [0, 1] to what is saved: uint8, in the machine's memory."""
    return (images.detach() * 255).round().to(torch.uint8).cpu()
