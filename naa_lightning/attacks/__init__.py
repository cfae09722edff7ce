"""Transfer-based attacks as a plain PyTorch library: their parts, and the loop that joins them."""

from naa_lightning.attacks.attack import Ascent, Attack, Crafted
from naa_lightning.attacks.budget import Budget
from naa_lightning.attacks.objectives import (
    AttackContext,
    BlackBoxFeature,
    CrossEntropy,
    DoubleAdversarialAttribution,
    FeatureDisruption,
    FeatureImportance,
    NeuronAttribution,
    Objective,
    PerturbationDecay,
    PredictionDivergence,
    PreparedObjective,
    RandomPatch,
    RepresentationDistortion,
)
from naa_lightning.attacks.smoothing import Smoothing, TranslationInvariant
from naa_lightning.attacks.transforms import (
    Admix,
    BlockShuffle,
    DiverseInput,
    ScaleInvariant,
    Spectrum,
    StructureInvariant,
    Transform,
)
from naa_lightning.attacks.updates import Momentum, Nesterov, PatchWise, Sign, Update, VarianceTuned
from naa_lightning.rng import Draws, SeededDraws

__all__ = [
    "Admix",
    "Ascent",
    "Attack",
    "AttackContext",
    "BlackBoxFeature",
    "BlockShuffle",
    "Budget",
    "Crafted",
    "CrossEntropy",
    "DiverseInput",
    "DoubleAdversarialAttribution",
    "Draws",
    "FeatureDisruption",
    "FeatureImportance",
    "Momentum",
    "Nesterov",
    "NeuronAttribution",
    "Objective",
    "PatchWise",
    "PerturbationDecay",
    "PredictionDivergence",
    "PreparedObjective",
    "RandomPatch",
    "RepresentationDistortion",
    "ScaleInvariant",
    "SeededDraws",
    "Sign",
    "Smoothing",
    "Spectrum",
    "StructureInvariant",
    "Transform",
    "TranslationInvariant",
    "Update",
    "VarianceTuned",
]
