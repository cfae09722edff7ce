"""LightningModules: the work on one batch of images under any Trainer.

`AttackModule`, `ClassifierModule` and `TargetModule` take batches as any data loader gives them. The others, which
compare clean images with adversarial ones, take a `naa_lightning.records.PairBatch`, and so does `TargetModule`.
"""

from naa_lightning.modules.attention import AttentionModule
from naa_lightning.modules.attribution import AttributionModule, ExplanationModule
from naa_lightning.modules.classifier import ClassifierModule
from naa_lightning.modules.crafting import AttackModule
from naa_lightning.modules.perturbation import PerturbationModule
from naa_lightning.modules.target import TargetModule

__all__ = [
    "AttackModule",
    "AttentionModule",
    "AttributionModule",
    "ClassifierModule",
    "ExplanationModule",
    "PerturbationModule",
    "TargetModule",
]
