"""Which adversarial images of a folder can stay, and what all of them were crafted with."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

from naa_lightning.atomic import leftovers
from naa_lightning.config.attack_experiment import AttackExperiment
from naa_lightning.config.schema import AttackRun
from naa_lightning.data import ImageDataModule, ImageRecord, Sample
from naa_lightning.data.workers import leave_signals_to_main, useful_workers
from naa_lightning.distributed.stopping import stop_if_asked
from naa_lightning.identity import images_depend_on
from naa_lightning.models import Classifier
from naa_lightning.models.weights_digest import weights_digest
from naa_lightning.records import Manifest, SavedImage, write_or_check_identity
from naa_lightning.records.crafting_json import check_identity
from naa_lightning.records.image_digest import image_digest
from naa_lightning.records.places import check_places
from naa_lightning.report.wording import listed

log = logging.getLogger(__name__)


def take_stock(
    manifest: Manifest,
    records: Sequence[ImageRecord],
    made_of: Mapping[str, Any],
    data: ImageDataModule,
    run: AttackRun,
) -> dict[int, SavedImage]:
    """Return the images that need not be crafted again: whole files of this very attack on these very clean images.

    What killed runs left of files that they were writing is removed.

    Args:
        manifest: The list of the saved images, in a folder that no other run is in.
        records: The clean images, with target classes only where the attack aims at them.
        made_of: What the images depend on; see `identity`.
        data: The clean images.
        run: The run's configuration.

    Returns:
        The rows of the manifest by image id, also of images that the data do not have now.

    Raises:
        FolderInUseError: The folder holds images of another configuration or data set.
        UserError: It cannot take some image's file.
    """
    folder = manifest.folder.parent
    config = {
        "surrogate": run.surrogate,
        "attack": asdict(run.attack),
        "targets": run.targets,
        "defences": run.defences,
    }
    write_or_check_identity(folder, made_of, manifest.read(), config)
    for leftover in leftovers(folder):
        leftover.unlink()
    saved = _without_changed(manifest, manifest.repair(records), data)
    check_places(manifest.folder, records)
    return saved


def check_configuration(experiment: AttackExperiment) -> None:
    """Check that a run's folder holds no images of another configuration, as far as is known without any model.

    So what is refused has not been logged anywhere as that other run.

    Raises:
        FolderInUseError: It does.
    """
    folder, config = Path(experiment.run.paths.run_dir), images_depend_on(asdict(experiment.run))
    saved = Manifest(folder / "adversarial").read() if experiment.run.craft and experiment.study is None else {}
    check_identity(folder, config, saved, known=AttackRun.__dataclass_fields__)


def identity(
    experiment: AttackExperiment, networks: Sequence[Classifier], device: torch.device, pool_size: int = 0
) -> dict[str, Any]:
    """Return what an adversarial image depends on, down to the kind of device, whose random numbers are its own.

    Args:
        experiment: The experiment.
        networks: The networks that are attacked, in the order of `experiment.white_box`.
        device: The device.
        pool_size: The number of images that the attack mixes others with.
    """
    white_box = list(zip(experiment.white_box, networks, strict=True))
    return {
        **images_depend_on(asdict(experiment.run)),
        "weights": {source.name: weights_digest(network, source.files) for source, network in white_box},
        "seen_as": {source.name: asdict(network.image_format) for source, network in white_box},
        "layers": {source.name: source.layer for source in experiment.white_box},
        "transform_order": ", ".join(experiment.run.attack.transforms),
        "images_mixed_from": pool_size,
        "device": device.type,
    }


def _without_changed(manifest: Manifest, saved: dict[int, SavedImage], data: ImageDataModule) -> dict[int, SavedImage]:
    """Take out of a manifest what was crafted from clean images that are others now."""
    images = data.images.only([id for id, row in saved.items() if row.clean_sha256])
    loader: DataLoader[Sample] = DataLoader(
        images,
        batch_size=None,
        num_workers=useful_workers(data.num_workers, len(images), batch_size=1),
        worker_init_fn=leave_signals_to_main,
    )
    samples = loader if len(images) else ()
    changed = set()
    for sample in samples:
        stop_if_asked("comparing clean images")
        if image_digest(sample["image"]) != saved[sample["id"]].clean_sha256:
            changed.add(sample["id"])
    if not changed:
        return saved
    log.warning(
        "%d clean images are not those that the images of this folder were crafted from (%s): they are crafted anew",
        len(changed),
        listed([row.file for id, row in saved.items() if id in changed], 5),
    )
    kept = {id: row for id, row in saved.items() if id not in changed}
    manifest.rewrite(kept.values())
    return kept
