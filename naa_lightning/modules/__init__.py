"""LightningModules: the work on one batch of images, as any data loader gives it, under any Trainer."""

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
