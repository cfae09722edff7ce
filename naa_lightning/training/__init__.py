"""How a classifier is trained, as a plain PyTorch library: what a step minimises, augmentation, the recipe."""

from naa_lightning.training.augmentation import Augmentation
from naa_lightning.training.losses import TrainingLoss
from naa_lightning.training.plan import TrainingPlan
from naa_lightning.training.recipe import Recipe
from naa_lightning.training.robustness import Robustness
from naa_lightning.training.standard import standard_recipe

__all__ = ["Augmentation", "Recipe", "Robustness", "TrainingLoss", "TrainingPlan", "standard_recipe"]
