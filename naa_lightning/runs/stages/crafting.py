"""Crafting: from clean images to saved adversarial images."""

import hashlib
import logging
import resource
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import torch
from pytorch_lightning import Trainer
from torch import Tensor

from naa_lightning.attacks import Attack
from naa_lightning.callbacks import AdversarialWriter, CraftingTimes
from naa_lightning.config.attack_experiment import AttackExperiment
from naa_lightning.data import LabelledImages
from naa_lightning.exceptions import FolderInUseError, UserError
from naa_lightning.identity import images_depend_on
from naa_lightning.models import ClassifierSource, TrainedModel
from naa_lightning.models.layer import LayerError
from naa_lightning.modules.crafting import AttackModule
from naa_lightning.records import Manifest, SavedImage, write_or_check_identity
from naa_lightning.records.places import check_places
from naa_lightning.runs.context import RunContext
from naa_lightning.runs.stages.adversarial_set import AdversarialSet

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
    manifest = Manifest(context.folder / "adversarial", ranks.process.rank)
    records = data.images.records
    if not experiment.attack.targeted:
        records = [replace(record, target_class=None) for record in records]
    writer = AdversarialWriter(manifest, records, stopwatch, waiting=2 * data.batch_size)
    trainer = context.trainer(
        f"crafting {experiment.run.attack.name}",
        [writer, *context.callbacks, CraftingTimes(stopwatch)],
        context.loggers,
    )
    device = trainer.strategy.root_device
    pool = ranks.everywhere(lambda: _pool(experiment.attack, data.images))

    def take_stock() -> dict[int, SavedImage]:
        made_of = identity(experiment, device, pool_size=len(pool))
        try:
            write_or_check_identity(context.folder, made_of, empty=not manifest.read())
            saved = manifest.repair(records)
        except FolderInUseError as error:
            raise UserError(f"{error} with hydra.run.dir=PATH") from error
        check_places(manifest.folder, records)
        return saved

    with stopwatch.phase("crafting/stock"):
        saved = ranks.from_first(take_stock)
    missing = [record.id for record in records if record.id not in saved]
    peaks = []
    if missing:
        log.info(
            "crafting %d of %d images; if stopped, hydra.run.dir=%s goes on", len(missing), len(records), context.folder
        )

        def craft_share() -> int:
            with writer.saving():
                return _craft(ranks.share(missing), context, trainer, pool)

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


def _craft(ids: Sequence[int], context: RunContext, trainer: Trainer, pool: Sequence[Tensor]) -> int:
    """Craft images with a trainer that saves them and return the peak memory in bytes."""
    experiment, data, device = context.experiment, context.data, trainer.strategy.root_device
    assert experiment.surrogate is not None, "composition checks it"
    if ids:
        with context.stopwatch.phase("crafting/build"):
            surrogate = experiment.surrogate.build()
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
        data.trainer = None  # would keep the surrogate in memory
    return _peak_memory(device)


def _pool(attack: Attack, images: LabelledImages) -> list[Tensor]:
    """Return the images that an attack may mix with others: the first of the data set."""
    if not any(transform.mixes_images for transform in attack.transforms):
        return []
    return [images[index]["image"] for index in range(min(POOL_SIZE, len(images)))]


def identity(experiment: AttackExperiment, device: torch.device, pool_size: int = 0) -> dict[str, Any]:
    """Return what an adversarial image depends on, down to the kind of device, whose random numbers are its own."""
    return {
        **images_depend_on(asdict(experiment.run)),
        "weights": {source.name: _weights_digest(source) for source in experiment.white_box},
        "seen_as": {source.name: [source.mean, source.std, source.input_size] for source in experiment.white_box},
        "layers": {source.name: source.layer for source in experiment.white_box},
        "transform_order": ", ".join(experiment.run.attack.transforms),
        "images_mixed_from": pool_size,
        "device": device.type,
    }


def _weights_digest(source: ClassifierSource) -> str | None:
    path = source.weights_path if isinstance(source, TrainedModel) else source.local_weights
    return None if path is None else hashlib.sha256(path.read_bytes()).hexdigest()


def _peak_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
