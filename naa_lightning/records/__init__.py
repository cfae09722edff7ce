"""The files of a run, which are its record."""

from naa_lightning.records.identity import claim_folder
from naa_lightning.records.manifest import Manifest, SavedImage, adversarial_name
from naa_lightning.records.predictions import Prediction, write_predictions

__all__ = [
    "Manifest",
    "Prediction",
    "SavedImage",
    "adversarial_name",
    "claim_folder",
    "write_predictions",
]
