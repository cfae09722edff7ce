"""Neuron attribution: which neurons of a layer speak for the true class, and how strongly."""

from naa_lightning.attribution.aggregate import path_gradient, unit_norm
from naa_lightning.attribution.path import path_points
from naa_lightning.attribution.statistics import AttributionStatistics, attribution_statistics

__all__ = ["AttributionStatistics", "attribution_statistics", "path_gradient", "path_points", "unit_norm"]
