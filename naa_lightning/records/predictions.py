"""What each target predicted for each image."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from naa_lightning.atomic import write_atomically
from naa_lightning.exceptions import UserError

FILE_NAME = "predictions.parquet"

# By a field's type, not inferred: a column that is null throughout keeps its type.
_COLUMN_TYPES: dict[object, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    int | None: pa.int64(),
    float: pa.float64(),
}


@dataclass(frozen=True)
class Prediction:
    """A row of `predictions.parquet`: one target's answers for one image.

    A negative class is no answer: -1 where the logits were no numbers, -2 where a defence abstained.

    Args:
        target: The target's name.
        repeat: Which of the random draws of the target's defences, from 0; always 0 where nothing is drawn.
        id: The image's row in the data set's own order.
        file: Of the adversarial image, relative to the folder of the images.
        label: The true class.
        target_class: The class that a targeted attack aimed at; None in an untargeted run.
        clean_prediction: Class predicted for the clean image.
        clean_confidence: Its softmax probability, or its share of a defence's votes; 0 for no answer.
        adversarial_prediction: Class predicted for the adversarial image, as reloaded from its file.
        adversarial_confidence: As `clean_confidence`.
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

    @property
    def wrong(self) -> bool:
        """Whether the target answered that the adversarial image shows another class."""
        return self.label != self.adversarial_prediction >= 0

    @property
    def success(self) -> bool:
        """Whether the target is wrong about the adversarial image and was right about the clean one."""
        return self.wrong and self.clean_prediction == self.label


def write_predictions(folder: Path, predictions: Sequence[Prediction]) -> Path:
    """Write predictions to `predictions.parquet` in a run's folder and return its path."""
    path = folder / FILE_NAME
    content = pa.BufferOutputStream()
    schema = pa.schema([(field.name, _COLUMN_TYPES[field.type]) for field in fields(Prediction)])
    pq.write_table(pa.Table.from_pylist([asdict(prediction) for prediction in predictions], schema=schema), content)
    write_atomically(path, content.getvalue().to_pybytes())
    return path


def read_predictions(folder: Path, *, targets: Collection[str] | None = None) -> list[Prediction]:
    """Read what `write_predictions` wrote; no rows where it wrote nothing.

    Args:
        folder: Of the run.
        targets: Read what these targets said at the first random draw; None: everything.

    Raises:
        UserError: The file is damaged, or was written by another version.
    """
    path = folder / FILE_NAME
    filters = None if targets is None else [("target", "in", list(targets)), ("repeat", "=", 0)]
    if not path.is_file() or targets == ():
        return []
    try:
        return [Prediction(**row) for row in pq.read_table(path, filters=filters).to_pylist()]
    except (OSError, TypeError, pa.ArrowException) as error:
        raise UserError(f"{path} is damaged or of another version ({error}): run again to have it rewritten") from error
