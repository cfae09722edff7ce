"""The files of a run, which are its record."""

from naa_lightning.records.attributions import AttributionRow, read_attributions, write_attributions
from naa_lightning.records.crafting_json import write_or_check_identity
from naa_lightning.records.manifest import Manifest, SavedImage, adversarial_name
from naa_lightning.records.pairs import PairBatch, SavedPairs
from naa_lightning.records.perturbations import PerturbationRow, images_digest, read_perturbations, write_perturbations
from naa_lightning.records.pictures import PictureRow, read_pictures, write_pictures
from naa_lightning.records.predictions import Prediction, read_predictions, write_predictions
from naa_lightning.records.results import RunResults, read_results, write_results
from naa_lightning.records.targets import RateResult, TargetResult

__all__ = [
    "AttributionRow",
    "Manifest",
    "PairBatch",
    "PerturbationRow",
    "PictureRow",
    "Prediction",
    "RateResult",
    "RunResults",
    "SavedImage",
    "SavedPairs",
    "TargetResult",
    "adversarial_name",
    "images_digest",
    "read_attributions",
    "read_perturbations",
    "read_pictures",
    "read_predictions",
    "read_results",
    "write_attributions",
    "write_or_check_identity",
    "write_perturbations",
    "write_pictures",
    "write_predictions",
    "write_results",
]
