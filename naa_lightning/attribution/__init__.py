"""Neuron attribution: which neurons of a layer speak for the true class, and how strongly."""

from naa_lightning.attribution.aggregate import AverageGradient, average_gradient, unit_norm
from naa_lightning.attribution.output import Output, class_logit, class_probability
from naa_lightning.attribution.path import path_points
from naa_lightning.attribution.statistics import AttributionStatistics, attribution_statistics

__all__ = [
    "AttributionStatistics",
    "AverageGradient",
    "Output",
    "attribution_statistics",
    "average_gradient",
    "class_logit",
    "class_probability",
    "path_points",
    "unit_norm",
]
