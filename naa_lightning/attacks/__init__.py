"""Transfer-based attacks as a plain PyTorch library: objectives, updates, budgets and the loop that joins them."""

from naa_lightning.attacks.attack import Attack, Crafted
from naa_lightning.attacks.budget import Budget
from naa_lightning.attacks.objectives import CrossEntropy, Goal, NeuronAttribution, Objective
from naa_lightning.attacks.updates import Momentum, Update
from naa_lightning.draws import Draws, SeededDraws

__all__ = [
    "Attack",
    "Budget",
    "Crafted",
    "CrossEntropy",
    "Draws",
    "Goal",
    "Momentum",
    "NeuronAttribution",
    "Objective",
    "SeededDraws",
    "Update",
]
