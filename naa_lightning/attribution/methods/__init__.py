"""Ways to attribute an output to neurons, behind one interface."""

from naa_lightning.attribution.methods.aggregate_gradient import AggregateGradient, masked_copies
from naa_lightning.attribution.methods.conductance import Conductance
from naa_lightning.attribution.methods.feature_difference import FeatureDifference
from naa_lightning.attribution.methods.gradient_times_activation import GradientTimesActivation
from naa_lightning.attribution.methods.method import AttributionContext, Method
from naa_lightning.attribution.methods.stepped_conductance import SteppedConductance

__all__ = [
    "AggregateGradient",
    "AttributionContext",
    "Conductance",
    "FeatureDifference",
    "GradientTimesActivation",
    "Method",
    "SteppedConductance",
    "masked_copies",
]
