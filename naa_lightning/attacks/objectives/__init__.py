"""What attacks increase, one objective a file."""

from naa_lightning.attacks.objectives.black_box_feature import BlackBoxFeature
from naa_lightning.attacks.objectives.cross_entropy import CrossEntropy
from naa_lightning.attacks.objectives.double_adversarial_attribution import DoubleAdversarialAttribution
from naa_lightning.attacks.objectives.feature_disruption import FeatureDisruption
from naa_lightning.attacks.objectives.feature_importance import FeatureImportance
from naa_lightning.attacks.objectives.neuron_attribution import NeuronAttribution
from naa_lightning.attacks.objectives.objective import AttackContext, Objective, PreparedObjective
from naa_lightning.attacks.objectives.perturbation_decay import PerturbationDecay
from naa_lightning.attacks.objectives.prediction_divergence import PredictionDivergence
from naa_lightning.attacks.objectives.random_patch import RandomPatch
from naa_lightning.attacks.objectives.representation_distortion import RepresentationDistortion

__all__ = [
    "AttackContext",
    "BlackBoxFeature",
    "CrossEntropy",
    "DoubleAdversarialAttribution",
    "FeatureDisruption",
    "FeatureImportance",
    "NeuronAttribution",
    "Objective",
    "PerturbationDecay",
    "PredictionDivergence",
    "PreparedObjective",
    "RandomPatch",
    "RepresentationDistortion",
]
