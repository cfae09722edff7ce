"""Classifiers: networks with their normalisation and attacked layer, and where they come from.

`timm_model` and `torchvision_model` are not imported here, because their libraries take seconds to load.
"""

from naa_lightning.models.as_classifier import as_classifier
from naa_lightning.models.classifier import Classifier, frozen
from naa_lightning.models.classifier_source import ClassifierSource
from naa_lightning.models.ensemble import Ensemble, EnsembleSource, as_surrogate
from naa_lightning.models.library_model import LibraryModel
from naa_lightning.models.network_source import NetworkSource
from naa_lightning.models.source import ModelSource
from naa_lightning.models.trained import TrainedModel

__all__ = [
    "Classifier",
    "ClassifierSource",
    "Ensemble",
    "EnsembleSource",
    "LibraryModel",
    "ModelSource",
    "NetworkSource",
    "TrainedModel",
    "as_classifier",
    "as_surrogate",
    "frozen",
]
