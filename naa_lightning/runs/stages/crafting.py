"""Crafting: from clean images to saved adversarial images."""

import logging
import resource
from collections.abc import Sequence
from dataclasses import replace

import torch
from pytorch_lightning import Trainer
from torch import Tensor

from naa_lightning.attacks import Attack
from naa_lightning.callbacks import AdversarialWriter, CraftingTimes
from naa_lightning.data import LabelledImages
from naa_lightning.exceptions import UserError
from naa_lightning.models import Classifier, Ensemble, as_surrogate
from naa_lightning.models.layer import LayerError
from naa_lightning.models.logits import AnswerError
from naa_lightning.modules.crafting import AttackModule
from naa_lightning.records import Manifest
from naa_lightning.records.crafting_json import identity_digest
from naa_lightning.runs.context import RunContext
from naa_lightning.runs.stages.adversarial_set import AdversarialSet
from naa_lightning.runs.stages.stock import identity, take_stock
from naa_lightning.runs.trainer import device_of

log = logging.getLogger(__name__)

# How many images an attack that mixes images draws from.
POOL_SIZE = 32


def craft(context: RunContext) -> AdversarialSet:
    """Craft the adversarial images that the run's folder lacks.

    Args:
        context: The run.

    Raises:
        UserError: The folder holds images of another configuration, or the disk takes no more.
    """
    experiment, data, ranks, stopwatch = context.experiment, context.data, context.ranks, context.stopwatch
    assert experiment.surrogate is not None, "composition checks it"
    manifest = Manifest(context.folder / "adversarial", ranks.process.rank)
    records = data.images.records
    if not experiment.attack.targeted:
        records = [replace(record, target_class=None) for record in records]
    device = device_of(experiment.run.trainer, ranks.process)
    pool = ranks.everywhere(lambda: _pool(experiment.attack, data.images))
    with stopwatch.phase("crafting/build"):
        surrogate = as_surrogate(ranks.everywhere(experiment.surrogate.build))
        made_of = identity(experiment, surrogate.members, device, pool_size=len(pool))
    with stopwatch.phase("crafting/stock"):
        saved = ranks.from_first(lambda: take_stock(manifest, records, made_of, data, experiment.run))
    missing = [record.id for record in records if record.id not in saved]
    peaks = []
    if missing:
        option = experiment.folder_option
        log.info("crafting %d of %d images; if stopped, %s goes on", len(missing), len(records), option)
        writer = AdversarialWriter(
            manifest,
            records,
            stopwatch,
            made_of=identity_digest(made_of),
            folder_option=option,
            waiting=2 * data.batch_size,
        )
        trainer = context.trainer(
            f"crafting {experiment.run.attack.name}",
            [writer, *context.callbacks, CraftingTimes(stopwatch)],
            context.loggers,
        )

        def craft_share() -> int:
            with writer.saving():
                return _craft(ranks.share(missing), surrogate, context, trainer, pool)

        peaks = ranks.gathered(craft_share)
        crafted = [row for rows in ranks.gathered(lambda: writer.saved) for row in rows]
        saved = dict(sorted({**saved, **{row.id: row for row in crafted}}.items()))
        ranks.from_first(lambda: manifest.rewrite(saved.values()))
    return AdversarialSet(
        folder=manifest.folder,
        saved={record.id: saved[record.id] for record in records},
        crafted_now=len(missing),
        peak_memory_bytes=max(peaks, default=None),
    )


def _craft(
    ids: Sequence[int],
    surrogate: Classifier | Ensemble,
    context: RunContext,
    trainer: Trainer,
    pool: Sequence[Tensor],
) -> int:
    """Craft images with a trainer that saves them and return the peak memory in bytes."""
    experiment, data, device = context.experiment, context.data, trainer.strategy.root_device
    assert experiment.surrogate is not None, "composition checks it"
    if ids:
        module = AttackModule(
            surrogate=surrogate,
            attack=experiment.attack,
            seed=experiment.run.seed,
            batch_size=data.batch_size,
            pool=pool,
            engine=experiment.engine,
            title=f"crafting {experiment.run.attack.name} on {experiment.surrogate.name}",
        )
        data.only(ids)
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        try:
            trainer.predict(module, datamodule=data, return_predictions=False)
        except LayerError as error:
            layers = ", ".join(f"{source.name}: {source.layer}" for source in experiment.white_box)
            raise UserError(f"surrogate.layer ({layers}): {error}") from error
        except AnswerError as error:
            raise UserError(f"surrogate: {error}") from error
        data.trainer = None  # would keep the surrogate in memory
    return _peak_memory(device)


def _pool(attack: Attack, images: LabelledImages) -> list[Tensor]:
    """Return the images that an attack may mix with others: the first of the data set."""
    if not any(transform.mixes_images for transform in attack.transforms):
        return []
    return [images[index]["image"] for index in range(min(POOL_SIZE, len(images)))]


def _peak_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
