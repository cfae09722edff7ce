"""What attacks increase, one objective a file."""

from naa_lightning.attacks.objectives.cross_entropy import CrossEntropy
from naa_lightning.attacks.objectives.neuron_attribution import NeuronAttribution
from naa_lightning.attacks.objectives.objective import Goal, Objective

__all__ = ["CrossEntropy", "Goal", "NeuronAttribution", "Objective"]
