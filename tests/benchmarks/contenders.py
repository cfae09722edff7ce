"""Who is compared: each attack as this project, torchattack and a plain loop craft it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
from torch import Tensor

from naa_lightning.data import Batch
from naa_lightning.models import Classifier
from tests.benchmarks.ours import Craft, our_crafting
from tests.benchmarks.peers import torchattacks_crafting
from tests.benchmarks.reference import plain_crafting
from tests.benchmarks.settings import Settings

Crafting: TypeAlias = Callable[[Classifier, Settings], Craft]

METHODS = {"naa": "NAA", "mim": "MI-FGSM", "fia": "FIA"}
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Contender:
    """One way of crafting.

    Args:
        name: Of its own.
        method: What it implements, of `METHODS`.
        crafting: Makes it ready on a network of its own.
        gradients: How many it takes per image.
        precision: Of convolutions and matrix products, of `DTYPES`, "bfloat16" being that of autocast; or "mixed":
            bfloat16 in the objective's preparation alone.
    """

    name: str
    method: str
    crafting: Crafting
    gradients: Callable[[Settings], int]
    precision: str = "float32"

    @property
    def baseline(self) -> str:
        """Name the contender that its speed is compared with: torchattack's in float32."""
        return f"torchattack_{self.method}"

    @property
    def fastest(self) -> str:
        """The fastest precision that it computes in, of `DTYPES`."""
        return "bfloat16" if self.precision == "mixed" else self.precision

    def ready(self, surrogate: Classifier, settings: Settings) -> Craft:
        """Return its crafting, in its precision."""
        crafting = self.crafting(surrogate, settings)

        def craft(batch: Batch) -> Tensor:
            with torch.autocast(settings.device, torch.bfloat16, enabled=self.precision == "bfloat16"):
                return crafting(batch)

        return craft


def ours(attack: str, *sizes: str) -> Crafting:
    """Return how this project crafts.

    Args:
        attack: A file of `conf/attack/`.
        *sizes: Overrides of its own points and steps by the settings', as formats.
    """

    def crafting(surrogate: Classifier, settings: Settings) -> Craft:
        given = [size.format(points=settings.points, steps=settings.steps) for size in sizes]
        return our_crafting(surrogate, settings, [f"attack={attack}", *given])

    return crafting


def theirs(kind: str) -> Crafting:
    """Return how torchattack crafts by one of its feature-level attacks."""

    def crafting(surrogate: Classifier, settings: Settings) -> Craft:
        options = {"num_ens": settings.points, "feature_layer_cfg": surrogate.layers[0]}
        return torchattacks_crafting(surrogate, settings, kind, **options)

    return crafting


def their_mim(surrogate: Classifier, settings: Settings) -> Craft:
    """Craft by torchattack's MI-FGSM."""
    return torchattacks_crafting(surrogate, settings, "MIFGSM")


def _points_and_steps(settings: Settings) -> int:
    return settings.points + settings.steps


def _steps(settings: Settings) -> int:
    return settings.steps


def _of_naa_fast(_: Settings) -> int:
    return 13


_POINTS = "attack.objective.path_points={points}"
_MASKS = "attack.objective.masks={points}"
_STEPS = "attack.budget.steps={steps}"
_IN_FLOAT32 = [
    Contender("naa", "naa", ours("naa", _POINTS, _STEPS), _points_and_steps),
    Contender("naa_fast", "naa", ours("naa_fast"), _of_naa_fast),
    Contender("torchattack_naa", "naa", theirs("NAA"), _points_and_steps),
    Contender("mim", "mim", ours("mim", _STEPS), _steps),
    Contender("torchattack_mim", "mim", their_mim, _steps),
    Contender("fia", "fia", ours("fia", _MASKS, _STEPS), _points_and_steps),
    Contender("torchattack_fia", "fia", theirs("FIA"), _points_and_steps),
]
_IN_BFLOAT16 = [replace(one, name=f"{one.name}_bf16", precision="bfloat16") for one in _IN_FLOAT32]
_MIXED = [
    Contender(
        f"{attack}_mixed", "naa", ours(attack, *sizes, "engine.preparation=bfloat16"), gradients, precision="mixed"
    )
    for attack, sizes, gradients in (("naa", (_POINTS, _STEPS), _points_and_steps), ("naa_fast", (), _of_naa_fast))
]
_PLAIN = Contender("reference_naa", "naa", plain_crafting, _points_and_steps)
_PAIRS = [one for pair in zip(_IN_FLOAT32, _IN_BFLOAT16, strict=True) for one in pair]
CONTENDERS = {one.name: one for one in (*_PAIRS, *_MIXED, _PLAIN)}
