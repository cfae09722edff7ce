"""The crafting stage: from clean images to saved adversarial images."""

import hashlib
import logging
import resource
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import torch
from pytorch_lightning import Trainer
from torch import Tensor

from naa_lightning.attacks import Attack
from naa_lightning.callbacks import AdversarialWriter, CraftingTimes
from naa_lightning.config.attack_experiment import AttackExperiment
from naa_lightning.data import LabelledImages
from naa_lightning.exceptions import UserError
from naa_lightning.models import ClassifierSource, TrainedModel
from naa_lightning.models.layer import LayerError
from naa_lightning.modules.crafting import AttackModule
from naa_lightning.records import Manifest, SavedImage, claim_folder
from naa_lightning.runs.context import Bench
from naa_lightning.runs.stages.adversarial_set import AdversarialSet
from naa_lightning.runs.trainer import make_trainer

log = logging.getLogger(__name__)

# Of the data node: what does not change an image's result.
_IRRELEVANT = {"limit", "num_workers", "cache", "download", "url"}
# Of the attack node: what describes it.
_DESCRIPTION = {"name", "paper", "year", "gradient_evaluations"}
# How many images an attack that mixes images draws from.
POOL_SIZE = 32


def craft(bench: Bench) -> AdversarialSet:
    """Craft the images of the data set that the run's folder lacks.

    Raises:
        UserError: The folder holds images of another configuration, or the disk takes no more.
    """
    experiment, data, ranks, stopwatch = bench.experiment, bench.data, bench.ranks, bench.stopwatch
    manifest = Manifest(bench.folder / "adversarial", ranks.place.rank)
    records = data.images.records
    if not experiment.attack.targeted:
        records = [replace(record, target=None) for record in records]
    writer = AdversarialWriter(manifest, records, stopwatch, waiting=2 * data.batch_size)
    trainer = make_trainer(
        experiment.run.trainer,
        place=ranks.place,
        callbacks=[writer, *bench.callbacks, CraftingTimes(stopwatch)],
        loggers=bench.loggers,
    )
    device = trainer.strategy.root_device
    pool = ranks.everywhere(lambda: _pool(experiment.attack, data.images))

    def take_stock() -> dict[int, SavedImage]:
        claim_folder(bench.folder, identity(experiment, device, pool_size=len(pool)), empty=not manifest.read())
        return manifest.repair(records)

    with stopwatch.phase("crafting/stock"):
        saved = ranks.from_first(take_stock)
    missing = [record.id for record in records if record.id not in saved]
    peaks = []
    if missing:
        log.info(
            "crafting %d of %d images; if stopped, hydra.run.dir=%s goes on", len(missing), len(records), bench.folder
        )

        def craft_share() -> int:
            with writer.saving():
                return _craft(ranks.share(missing), bench, trainer, pool)

        peaks = ranks.gathered(craft_share)
        crafted = [row for rows in ranks.gathered(lambda: writer.saved) for row in rows]
        saved = dict(sorted({**saved, **{row.id: row for row in crafted}}.items()))
        ranks.from_first(lambda: manifest.settle(saved.values()))
    return AdversarialSet(
        folder=manifest.folder,
        saved={record.id: saved[record.id] for record in records},
        crafted_now=len(missing),
        device=str(device),
        peak_memory_bytes=max(peaks, default=None),
    )


def _craft(ids: Sequence[int], bench: Bench, trainer: Trainer, pool: Sequence[Tensor]) -> int:
    """Craft images with a trainer that saves them and return the peak memory in bytes."""
    experiment, data, device = bench.experiment, bench.data, trainer.strategy.root_device
    assert experiment.surrogate is not None, "composition asks for it"
    if ids:
        with bench.stopwatch.phase("crafting/build"):
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
    if not any(getattr(transform, "mixes_images", False) for transform in attack.transforms):
        return []
    return [images[index]["image"] for index in range(min(POOL_SIZE, len(images)))]


def identity(experiment: AttackExperiment, device: torch.device, pool_size: int = 0) -> dict[str, Any]:
    """Return what an adversarial image depends on, down to the kind of device, whose random numbers are its own."""
    run = experiment.run
    return {
        "seed": run.seed,
        "surrogate": _without(run.surrogate or {}, {"weights", "models_dir"}),
        "weights": {source.name: _weights_digest(source) for source in experiment.white_box},
        "seen_as": {source.name: [source.mean, source.std, source.input_size] for source in experiment.white_box},
        "layers": {source.name: source.layer for source in experiment.white_box},
        "attack": _without(asdict(run.attack), _DESCRIPTION),
        "transform_order": ", ".join(run.attack.transforms),
        "images_mixed_from": pool_size,
        "data": _without(run.data, _IRRELEVANT),
        "precision": run.trainer.get("precision"),
        "engine": run.engine,
        "device": device.type,
    }


def _without(node: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    """Leave keys out, at any depth."""
    return {k: _without(v, keys) if isinstance(v, Mapping) else v for k, v in node.items() if k not in keys}


def _weights_digest(source: ClassifierSource) -> str | None:
    path = source.weights_path if isinstance(source, TrainedModel) else source.local_weights
    return None if path is None else hashlib.sha256(path.read_bytes()).hexdigest()


def _peak_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
