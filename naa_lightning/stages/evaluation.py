"""Trying saved adversarial images on a target."""

import gc
from collections.abc import Callable, Mapping, Sequence

from pytorch_lightning import Trainer
from torch.utils.data import DataLoader

from naa_lightning.classifier_module import Answers, ClassifierModule
from naa_lightning.models import ModelSource
from naa_lightning.records import Prediction, SavedImage, SavedPairs


def evaluate(
    source: ModelSource, pairs: SavedPairs, make_trainer: Callable[[], Trainer], *, batch_size: int, num_workers: int
) -> list[Prediction]:
    """Ask a target for its predictions on clean and adversarial images.

    The target is built here and gone before the next one is built, so that one is in memory at a time.

    Args:
        source: Builds the target.
        pairs: The images.
        make_trainer: Makes a trainer that predicts.
        batch_size: Pairs per batch.
        num_workers: Processes that read images; 0 reads in the main process.

    Returns:
        One row per image, in the data set's order.

    Raises:
        UserError: The target cannot be built, or a file cannot be read.
    """
    gc.collect()  # Lightning's trainer and module refer to each other, so that the model before this one lingers
    module = ClassifierModule(source.build(), num_classes=source.num_classes, title=f"evaluating {source.name}")
    loader = DataLoader(pairs, batch_size=batch_size, num_workers=num_workers)
    batches: Sequence[Answers] = make_trainer().predict(module, loader)  # type: ignore[assignment]
    return [row for answers in batches for row in _rows(source.name, answers, pairs.saved)]


def _rows(target: str, answers: Answers, saved: Mapping[int, SavedImage]) -> list[Prediction]:
    columns = {name: values.tolist() for name, values in vars(answers).items()}
    return [
        Prediction(
            target=target,
            id=image,
            file=saved[image].file,
            label=saved[image].label,
            target_class=None if saved[image].target_class == -1 else saved[image].target_class,
            clean_prediction=columns["clean"][row],
            clean_confidence=columns["clean_confidence"][row],
            adversarial_prediction=columns["adversarial"][row],
            adversarial_confidence=columns["adversarial_confidence"][row],
        )
        for row, image in enumerate(columns["ids"])
    ]
