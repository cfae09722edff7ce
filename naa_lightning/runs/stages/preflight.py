"""A few questions to every model before anything is crafted."""

import gc
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch

from naa_lightning.attacks import Attack
from naa_lightning.attacks.layer_notice import layer_notice
from naa_lightning.attacks.saturation import saturation_of
from naa_lightning.config.options import in_options, key_of
from naa_lightning.data import LabelledImages
from naa_lightning.distributed.stopping import stop_if_asked
from naa_lightning.exceptions import ModelError, RankLostError, UserError, in_one_line
from naa_lightning.metrics import Rate
from naa_lightning.metrics.chance import is_chance
from naa_lightning.models import Classifier, ModelSource
from naa_lightning.models.candidates import named_layers
from naa_lightning.models.layer import LayerError
from naa_lightning.models.predicted_classes import INVALID
from naa_lightning.modules.target import Predictions, TargetModule
from naa_lightning.runs.context import Notice, RunContext
from naa_lightning.runs.stages.guessing import why_guessing
from naa_lightning.runs.stages.prediction import predict
from naa_lightning.runs.trainer import device_of

log = logging.getLogger(__name__)

IMAGES = 16
"""Every model is asked for so many images, spread over the data set."""
GRADIENTS = 4
"""Of so many of them, the surrogate's gradient is looked at."""


def preflight(context: RunContext) -> Mapping[str, Notice]:
    """Open every model and ask it for a few images, so that what is wrong is told before anything is crafted.

    Args:
        context: The run, on every rank of which this is called.

    Returns:
        What seems wrong with a model that can be used all the same, by the model's name.

    Raises:
        UserError: Models cannot be loaded, fail, or give no numbers for any image; all of them are named.
    """
    images = _some(context.data.images)
    failed: dict[str, str] = {}
    noticed: dict[str, Notice] = {}
    for source in context.experiment.sources:
        stop_if_asked(f"looking at {source.name}")
        gc.collect()  # the model before this one lingers
        with _noted(source, context, failed), context.stopwatch.phase("preflight"):
            noticed[source.name] = _look_at(source, images, context)
            for said in filter(None, noticed[source.name]):
                log.warning("%s: %s", source.name, said)
    if failed:
        raise UserError(
            f"{len(failed)} of {len(context.experiment.sources)} models cannot be used ({'; '.join(failed.values())}); "
            "nothing was crafted; preflight=false crafts all the same and leaves out targets that fail"
        )
    return noticed


def _some(images: LabelledImages) -> LabelledImages:
    """Return a few images, spread over all, in memory."""
    step = -(-len(images) // IMAGES)
    records = images.records[::step]
    pixels = {record.id: images.read(record) for record in records}
    return LabelledImages(records, lambda record: pixels[record.id])


@contextmanager
def _noted(source: ModelSource, context: RunContext, failed: dict[str, str]) -> Iterator[None]:
    """Note why a model cannot be used, in the words of the command line."""
    try:
        with in_options(key_of(source, context.experiment.run), ModelError):
            yield
    except RankLostError:
        raise
    except Exception as error:
        reason = in_one_line(error)
        failed[source.name] = reason if source.name in reason else f"{source.name}: {reason}"
        if not isinstance(error, UserError):
            log.debug("%s failed", source.name, exc_info=True)


def _look_at(source: ModelSource, images: LabelledImages, context: RunContext) -> Notice:
    """Ask a model, and return what seems wrong with it."""
    model = context.ranks.everywhere(source.build)
    module = TargetModule(model, name=source.name, num_classes=source.num_classes)
    module.title = f"looking at {source.name}"
    sizes = {images[index]["image"].shape for index in range(len(images))}  # neighbours in the data set may be alike
    size = context.data.batch_size if len(sizes) == 1 else 1
    batches: list[Predictions] = predict(context, module, images, batch_size=size, num_workers=0)
    predicted, labels = (torch.cat([batch[key] for batch in batches]) for key in ("class", "label"))
    if bool((predicted == INVALID).all()):
        raise ModelError(f"{source.name} gives logits that are no numbers for any of {len(labels)} images")
    right = int((predicted == labels).sum())
    device = device_of(context.experiment.run.trainer, context.ranks.process)
    guessing = attacking = ""
    clean = Rate(right, len(labels))
    if is_chance(clean.value, clean.interval[1], source.num_classes):
        guessing = context.ranks.from_first(lambda: why_guessing(source, model.to(device), images, right, device))
    if isinstance(model, Classifier) and context.experiment.run.craft and source in context.experiment.white_box:
        attack = context.experiment.attack
        attacking = context.ranks.from_first(lambda: _about_attack(model.to(device), images, attack, device))
    return Notice(guessing, attacking)


def _about_attack(surrogate: Classifier, images: LabelledImages, attack: Attack, device: torch.device) -> str:
    """Say what keeps an attack on a surrogate from working; empty where nothing does."""
    few = [images[index] for index in range(min(GRADIENTS, len(images)))]
    seen, labels = [sample["image"].to(device) for sample in few], [sample["label"] for sample in few]
    said = []
    if attack.objective.through_softmax:
        found = saturation_of(surrogate.tempered(attack.temperature), seen, labels)
        remedy = f"attack.temperature={attack.temperature * found.temperature:g} divides its logits"
        said += [str(found), remedy if found.is_saturated else ""]
    if attack.objective.feature_level:
        try:
            named_layers(surrogate, seen[0][None], surrogate.layers)
        except LayerError as error:
            raise ModelError(f"`layer`: {error}") from error
        said.append(layer_notice(attack.objective, surrogate, seen[0][None]) or "")
    return "; ".join(filter(None, said))
