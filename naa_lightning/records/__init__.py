"""The files of a run, which are its record."""

from naa_lightning.records.attributions import AttributionRow, read_attributions, write_attributions
from naa_lightning.records.crafting_json import write_or_check_identity
from naa_lightning.records.manifest import Manifest, SavedImage, adversarial_name
from naa_lightning.records.pairs import PairBatch, SavedPairs
from naa_lightning.records.perturbations import PerturbationRow, read_perturbations, write_perturbations
from naa_lightning.records.predictions import Prediction, read_predictions, write_predictions

__all__ = [
    "AttributionRow",
    "Manifest",
    "PairBatch",
    "PerturbationRow",
    "Prediction",
    "SavedImage",
    "SavedPairs",
    "adversarial_name",
    "read_attributions",
    "read_perturbations",
    "read_predictions",
    "write_attributions",
    "write_or_check_identity",
    "write_perturbations",
    "write_predictions",
]
