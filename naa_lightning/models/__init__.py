"""Classifiers: networks with their normalisation and attacked layer, and where they come from."""

from naa_lightning.models.classifier import Classifier, frozen
from naa_lightning.models.published import TimmModel, TorchvisionModel
from naa_lightning.models.source import ModelSource
from naa_lightning.models.trained import TrainedModel

__all__ = ["Classifier", "ModelSource", "TimmModel", "TorchvisionModel", "TrainedModel", "frozen"]
