"""Neuron attribution: which neurons of a layer speak for a class, and how strongly."""

from naa_lightning.attribution.aggregate import average_gradient, equal_weights, l2_norm, layer_gradients, unit_norm
from naa_lightning.attribution.attribute import Attribute, Attribution, attribute, attribution_of_path_gradient
from naa_lightning.attribution.baseline import BASELINES, Baseline, given
from naa_lightning.attribution.methods import (
    AggregateGradient,
    Conductance,
    FeatureDifference,
    GradientTimesActivation,
    Method,
    SteppedConductance,
    masked_copies,
)
from naa_lightning.attribution.output import OUTPUTS, Output, class_logit, class_margin, class_probability
from naa_lightning.attribution.path import Path
from naa_lightning.attribution.quadrature import RULES, Quadrature, quadrature
from naa_lightning.attribution.spatial import on_one_grid, spatial_map
from naa_lightning.attribution.statistics import (
    Agreement,
    AttackEffect,
    AttributionStatistics,
    agreement,
    attack_effect,
    attribution_statistics,
)

__all__ = [
    "BASELINES",
    "OUTPUTS",
    "RULES",
    "AggregateGradient",
    "Agreement",
    "AttackEffect",
    "Attribute",
    "Attribution",
    "AttributionStatistics",
    "Baseline",
    "Conductance",
    "FeatureDifference",
    "GradientTimesActivation",
    "Method",
    "Output",
    "Path",
    "Quadrature",
    "SteppedConductance",
    "agreement",
    "attack_effect",
    "attribute",
    "attribution_of_path_gradient",
    "attribution_statistics",
    "average_gradient",
    "class_logit",
    "class_margin",
    "class_probability",
    "equal_weights",
    "given",
    "l2_norm",
    "layer_gradients",
    "masked_copies",
    "on_one_grid",
    "quadrature",
    "spatial_map",
    "unit_norm",
]
