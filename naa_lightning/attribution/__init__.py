"""Neuron attribution: which neurons of a layer speak for a class, and how strongly."""

from naa_lightning.attribution.aggregate import AverageGradient, average_gradient, equal_weights, l2_norm, unit_norm
from naa_lightning.attribution.attribute import Attribute, Attribution, attribute, attribution_of_path_gradient
from naa_lightning.attribution.baseline import BASELINES, Baseline, image_baseline
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
    "AverageGradient",
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
    "image_baseline",
    "l2_norm",
    "masked_copies",
    "on_one_grid",
    "quadrature",
    "spatial_map",
    "unit_norm",
]
