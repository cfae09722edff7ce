"""What each target predicted for each image."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from naa_lightning.records.table import Table

FILE_NAME = "predictions.parquet"


@dataclass(frozen=True)
class Prediction:
    """A row of `predictions.parquet`: what one target predicted for one image.

    A negative class is no prediction: -1 where the logits were no numbers, -2 where a defence abstained.

    Args:
        target: The name of the target.
        repeat: The index of the random draw of the target's defences, from 0; always 0 where nothing is drawn.
        id: The image's row in the data set's own order.
        file: The path of the adversarial image, relative to the folder of the images.
        label: The true class.
        target_class: The class that a targeted attack aimed at; None in an untargeted run.
        clean_prediction: Class predicted for the clean image.
        clean_confidence: The softmax probability of that class, or its share of a defence's votes, in [0, 1]; 0 for
            no prediction.
        adversarial_prediction: Class predicted for the adversarial image, as reloaded from its file.
        adversarial_confidence: The same of the adversarial image, in [0, 1].
    """

    target: str
    repeat: int
    id: int
    file: str
    label: int
    target_class: int | None
    clean_prediction: int
    clean_confidence: float
    adversarial_prediction: int
    adversarial_confidence: float

    def outcome(self, rate: str) -> bool | None:
        """Tell whether the image counts towards a rate; None where it is not among those that the rate is over.

        Args:
            rate: "success_rate", "target_rate" or "robust_accuracy"; see `naa_lightning.metrics.TransferRates`.
        """
        if rate == "target_rate":
            return None if self.target_class is None else self.adversarial_prediction == self.target_class
        right = self.clean_prediction == self.label
        if rate == "robust_accuracy":
            return right and self.adversarial_prediction == self.label
        return self.wrong if right else None

    @property
    def wrong(self) -> bool:
        """Whether the target's prediction is that the adversarial image shows another class."""
        return self.label != self.adversarial_prediction >= 0

    @property
    def success(self) -> bool:
        """Whether the target is wrong about the adversarial image and was right about the clean one."""
        return self.outcome("success_rate") is True


TABLE = Table(FILE_NAME, Prediction)
write_predictions = TABLE.write


def read_predictions(folder: Path, *, targets: Collection[str] | None = None) -> list[Prediction]:
    """Read the predictions in a run's folder; none where nothing was written.

    Args:
        folder: The folder of the run.
        targets: The names of the targets whose predictions at the first random draw are read; None reads everything.

    Raises:
        UserError: The file is damaged, or was written by another version.
    """
    if targets is None:
        return TABLE.read(folder)
    return TABLE.read(folder, [("target", "in", list(targets)), ("repeat", "=", 0)]) if targets else []
