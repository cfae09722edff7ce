"""Evaluating saved adversarial images on targets."""

import gc
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from naa_lightning.config.options import in_options, key_of
from naa_lightning.distributed.stopping import stop_if_asked
from naa_lightning.engine.out_of_memory import is_out_of_memory
from naa_lightning.exceptions import ModelError, RankLostError, UserError, in_one_line, reason_of
from naa_lightning.models import ModelSource
from naa_lightning.models.predicted_classes import INVALID
from naa_lightning.models.shared_weights import WeightSamples, sampled_weights, whose_weights
from naa_lightning.models.target import Target
from naa_lightning.models.weights_digest import weights_digest
from naa_lightning.modules.target import PairPredictions, TargetModule
from naa_lightning.records import Prediction, SavedImage
from naa_lightning.runs.context import RunContext
from naa_lightning.runs.stages.prediction import predict
from naa_lightning.runs.stages.reading import LoadedPairs

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evaluation:
    """The predictions of all targets.

    Args:
        predictions: One row per target, random draw and image, in the order of the targets and the data set.
        failed: The reason why a target gave no predictions, by the target's name.
        weights: The digest of each model's weights, by the model's name; see `weights_digest`.
        shares_weights: The surrogate whose weights a model has, half of them or more, by the model's name.
    """

    predictions: Sequence[Prediction]
    failed: Mapping[str, str]
    weights: Mapping[str, str | None]
    shares_weights: Mapping[str, str] = field(default_factory=dict)

    def check_complete(self, folder: Path, option: str) -> None:
        """Check that every target has given its predictions.

        Args:
            folder: The run's folder, for the message.
            option: What is added to the command to try again.

        Raises:
            UserError: A target failed.
        """
        if not self.failed:
            return
        reasons = "; ".join(f"{name}: {reason}" for name, reason in self.failed.items())
        evaluated = {row.target for row in self.predictions}
        raise UserError(
            f"{len(self.failed)} of {len(self.failed) + len(evaluated)} targets failed ({reasons}); what the others "
            f"say is in {folder}: to try again, run the same command with {option}"
        )


def evaluate(context: RunContext, pairs: LoadedPairs) -> Evaluation:
    """Predict the classes of clean and adversarial images by every target, one model in memory at a time.

    A target that cannot be loaded or evaluated is passed over.

    Args:
        context: The run; those of its targets that share a model follow each other.
        pairs: The clean and adversarial images.

    Raises:
        UserError: Every target failed.
    """
    targets, ranks, stopwatch = context.experiment.targets, context.ranks, context.stopwatch
    predictions: list[Prediction] = []
    failed: dict[str, str] = {}
    weights: dict[str, str | None] = {}
    attacked: dict[str, WeightSamples] = {}  # surrogates are the first to be asked
    shares_weights: dict[str, str] = {}

    def evaluate_model(source: ModelSource, of_source: Sequence[Target]) -> None:
        key = key_of(source, context.experiment.run)
        with _failures_noted(of_source, failed, key):
            with stopwatch.phase(f"targets/{source.name}/build"):
                model = ranks.everywhere(source.build)
                weights[source.name] = weights_digest(model, source.files)
                if source in context.experiment.white_box:
                    attacked[source.name] = sampled_weights(model)
                elif (surrogate := whose_weights(sampled_weights(model), attacked)) is not None:
                    shares_weights[source.name] = surrogate
            for target in of_source:
                with _failures_noted([target], failed, key), stopwatch.phase(f"targets/{target.name}/ask"):
                    module = TargetModule(
                        model,
                        name=target.name,
                        defences=list(target.defences.values()),
                        num_classes=target.source.num_classes,
                        seed=context.experiment.run.seed,
                    )
                    batches: list[PairPredictions] = predict(
                        context,
                        module,
                        pairs.pairs,
                        batch_size=context.data.batch_size,
                        num_workers=pairs.num_workers,
                    )
                    predictions.extend(_rows(target, batches, pairs.pairs.saved))

    for source, of_source in groupby(targets, key=lambda target: target.source):
        stop_if_asked(f"evaluating {source.name}")
        gc.collect()  # Lightning's trainer and module refer to each other, so that the model before this one lingers
        evaluate_model(source, list(of_source))
    if len(failed) == len(targets):
        reasons = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
        raise UserError(f"no target could be asked ({reasons})")
    return Evaluation(predictions, failed, weights, shares_weights)


@contextmanager
def _failures_noted(targets: Sequence[Target], failed: dict[str, str], key: str) -> Iterator[None]:
    """Note what goes wrong with targets of one model, whatever it or the user's own code does, and go on."""
    try:
        with in_options(key, ModelError):
            yield
    except RankLostError:
        raise
    except Exception as error:
        known: Exception = error
        if is_out_of_memory(error) and not isinstance(error, UserError):
            known = UserError(f"out of memory ({reason_of(error)})")
        for target in targets:
            reason = in_one_line(known).removeprefix(f"{target.source.name}: ")
            failed[target.name] = reason
            log.warning("%s failed: %s", target.name, reason, exc_info=not isinstance(known, UserError))


def _rows(target: Target, batches: Sequence[PairPredictions], saved: Mapping[int, SavedImage]) -> list[Prediction]:
    """Return one row per random draw and image.

    Raises:
        UserError: The model's logits are numbers for no image.
    """
    rows = [
        row
        for repeat in range(target.repeats)
        for batch in batches
        for row in _rows_of_batch(target, repeat, batch, saved)
    ]
    if all(row.clean_prediction == row.adversarial_prediction == INVALID for row in rows):
        raise UserError("its logits are numbers for no image")
    return rows


def _rows_of_batch(
    target: Target, repeat: int, batch: PairPredictions, saved: Mapping[int, SavedImage]
) -> Iterator[Prediction]:
    for row, image in enumerate(batch["id"].tolist()):
        record = saved[image]
        yield Prediction(
            target=target.name,
            repeat=repeat,
            id=image,
            file=record.file,
            label=record.label,
            target_class=None if record.target_class == -1 else record.target_class,
            clean_prediction=int(batch["clean_class"][row, repeat]),
            clean_confidence=float(batch["clean_confidence"][row, repeat]),
            adversarial_prediction=int(batch["adversarial_class"][row, repeat]),
            adversarial_confidence=float(batch["adversarial_confidence"][row, repeat]),
        )
