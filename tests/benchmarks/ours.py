"""Crafting as `attack.py` does it."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from naa_lightning.config.attack import compose_attack
from naa_lightning.config.building import build, plain_values, validated
from naa_lightning.config.schema import AttackRun
from naa_lightning.data import Batch
from naa_lightning.engine import Engine
from naa_lightning.models import Classifier
from naa_lightning.modules.crafting import AttackModule
from tests.benchmarks.settings import EPS, SEED, Settings
from tests.experiments import composed

Craft: TypeAlias = Callable[[Batch], Tensor]
"""From a batch on the device to adversarial images in the machine's memory: uint8 (B, 3, H, W), as they are saved."""


def our_crafting(surrogate: Classifier, settings: Settings, overrides: Sequence[str]) -> Craft:
    """Return the predict step of a composed attack.

    Args:
        surrogate: Its own: the module may rearrange it.
        settings: Device and images per run.
        overrides: Of the configuration's `attack`, as on the command line.
    """
    run = validated(AttackRun, plain_values(composed(*overrides, f"attack.budget.eps={EPS}")))
    module = AttackModule(
        surrogate=surrogate,
        attack=compose_attack(run.attack),
        seed=SEED,
        batch_size=settings.images,
        title=run.attack.name,
        engine=build(Engine, run.engine, "engine"),
    ).to(settings.device)

    def craft(batch: Batch) -> Tensor:
        with torch.no_grad():  # as Lightning predicts
            return (module.predict_step(batch, 0)["adversarial"] * 255).round().to(torch.uint8)

    return craft
