"""Ways to attribute an output to neurons, behind one interface."""

from naa_lightning.attribution.methods.aggregate_gradient import AggregateGradient, masked_copies
from naa_lightning.attribution.methods.conductance import Conductance
from naa_lightning.attribution.methods.feature_difference import FeatureDifference
from naa_lightning.attribution.methods.gradient_times_activation import GradientTimesActivation
from naa_lightning.attribution.methods.method import Method, Question
from naa_lightning.attribution.methods.stepped_conductance import SteppedConductance

__all__ = [
    "AggregateGradient",
    "Conductance",
    "FeatureDifference",
    "GradientTimesActivation",
    "Method",
    "Question",
    "SteppedConductance",
    "masked_copies",
]
