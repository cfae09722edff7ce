"""Trying saved adversarial images on targets."""

import gc
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from pytorch_lightning import Trainer

from naa_lightning.callbacks.stopwatch import Stopwatch
from naa_lightning.distributed.ranks import Ranks
from naa_lightning.distributed.stopping import stop_if_asked
from naa_lightning.exceptions import UserError, in_one_line
from naa_lightning.models import ModelSource
from naa_lightning.models.predicted_classes import INVALID
from naa_lightning.models.target import Target
from naa_lightning.modules.target import TargetModule, TargetPredictions
from naa_lightning.records import Prediction, SavedImage, SavedPairs
from naa_lightning.runs.stages.prediction import ask

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evaluation:
    """What the stage leaves.

    Args:
        predictions: One row per target, random draw and image, in the order of the targets and the data set.
        failed: Why targets could not be asked, by name.
    """

    predictions: Sequence[Prediction]
    failed: Mapping[str, str]


def evaluate(
    targets: Sequence[Target],
    pairs: SavedPairs,
    make_trainer: Callable[[], Trainer],
    *,
    seed: int,
    batch_size: int,
    num_workers: int,
    ranks: Ranks | None = None,
    stopwatch: Stopwatch | None = None,
) -> Evaluation:
    """Ask targets about clean and adversarial images, one model in memory at a time.

    A target that cannot be loaded or asked is passed over.

    Args:
        targets: Those with one model follow each other.
        pairs: The images.
        make_trainer: Makes a trainer that predicts.
        seed: Of what defences draw at random.
        batch_size: Pairs per batch.
        num_workers: Processes that read images; 0 reads in the main process.
        ranks: Share the images; None: there is but this process.
        stopwatch: Takes what building and asking each target needs; None: nobody asks.

    Raises:
        UserError: No target is left.
    """
    ranks, stopwatch = ranks or Ranks(), stopwatch or Stopwatch()
    predictions: list[Prediction] = []
    failed: dict[str, str] = {}
    options: dict[str, Any] = {"batch_size": batch_size, "num_workers": num_workers, "collate": pairs.collate}

    def ask_all(source: ModelSource, of_source: Sequence[Target]) -> None:
        with _noted(of_source, failed):
            with stopwatch.phase(f"targets/{source.name}/build"):
                model = ranks.everywhere(source.build)
            for target in of_source:
                with _noted([target], failed), stopwatch.phase(f"targets/{target.name}/ask"):
                    module = TargetModule(target, model, seed=seed)
                    batches: list[TargetPredictions] = ask(module, pairs, ranks, make_trainer, **options)
                    predictions.extend(_rows(target, batches, pairs.saved))

    for source, of_source in groupby(targets, key=lambda target: target.source):
        stop_if_asked(f"evaluating {source.name}")
        gc.collect()  # Lightning's trainer and module refer to each other, so that the model before this one lingers
        ask_all(source, list(of_source))
    if len(failed) == len(targets):
        reasons = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
        raise UserError(f"no target could be asked ({reasons})")
    return Evaluation(predictions, failed)


@contextmanager
def _noted(targets: Sequence[Target], failed: dict[str, str]) -> Iterator[None]:
    """Note what goes wrong with targets, whatever a model or the user's own code does, and go on."""
    try:
        yield
    except Exception as error:
        reason = in_one_line(error)
        for target in targets:
            failed[target.name] = reason
            log.warning("%s failed: %s", target.name, reason, exc_info=not isinstance(error, UserError))


def _rows(target: Target, batches: Sequence[TargetPredictions], saved: Mapping[int, SavedImage]) -> list[Prediction]:
    """Return one row per random draw and image.

    Raises:
        UserError: The model's logits are numbers for no image.
    """
    rows = [
        row for repeat in range(target.repeats) for batch in batches for row in _of_batch(target, repeat, batch, saved)
    ]
    if all(row.clean_prediction == row.adversarial_prediction == INVALID for row in rows):
        raise UserError("its logits are numbers for no image")
    return rows


def _of_batch(
    target: Target, repeat: int, batch: TargetPredictions, saved: Mapping[int, SavedImage]
) -> Iterator[Prediction]:
    clean, adversarial = batch.clean[repeat], batch.adversarial[repeat]
    columns = (batch.ids, clean.classes, clean.confidence, adversarial.classes, adversarial.confidence)
    for image, *answers in zip(*(column.tolist() for column in columns), strict=True):
        clean_prediction, clean_confidence, adversarial_prediction, adversarial_confidence = answers
        record = saved[image]
        yield Prediction(
            target=target.name,
            repeat=repeat,
            id=image,
            file=record.file,
            label=record.label,
            target_class=None if record.target_class == -1 else record.target_class,
            clean_prediction=clean_prediction,
            clean_confidence=clean_confidence,
            adversarial_prediction=adversarial_prediction,
            adversarial_confidence=adversarial_confidence,
        )
