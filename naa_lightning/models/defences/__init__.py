"""Defences at inference time, which stand in front of any target, one a file."""

from naa_lightning.models.defences.bit_depth import BitDepth
from naa_lightning.models.defences.chain import defended
from naa_lightning.models.defences.defence import Defence, InputDefence, Predict
from naa_lightning.models.defences.feature_distillation import FeatureDistillation
from naa_lightning.models.defences.gaussian import Gaussian
from naa_lightning.models.defences.jpeg import Jpeg
from naa_lightning.models.defences.median import Median
from naa_lightning.models.defences.random_resize_pad import RandomResizePad
from naa_lightning.models.defences.randomized_smoothing import RandomizedSmoothing

__all__ = [
    "BitDepth",
    "Defence",
    "FeatureDistillation",
    "Gaussian",
    "InputDefence",
    "Jpeg",
    "Median",
    "Predict",
    "RandomResizePad",
    "RandomizedSmoothing",
    "defended",
]
