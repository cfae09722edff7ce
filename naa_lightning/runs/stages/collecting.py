"""Collecting adversarial images that another run, or another tool, has crafted."""

import hashlib
import logging
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath

from naa_lightning.data import ImageRecord
from naa_lightning.data.file_check import check_files
from naa_lightning.exceptions import UserError
from naa_lightning.image_folder import describe_passed_over, find_images
from naa_lightning.records import SavedImage
from naa_lightning.records.manifest import target_class
from naa_lightning.runs.context import RunContext
from naa_lightning.runs.stages.adversarial_set import AdversarialSet

log = logging.getLogger(__name__)


def collect(context: RunContext) -> AdversarialSet:
    """Find the adversarial images of the clean ones by their file names.

    Args:
        context: The run.

    Raises:
        UserError: No image is found, there are two for one clean image, or some cannot be read.
    """
    run, records = context.experiment.run, context.data.images.records
    assert run.adversarial_dir is not None, "composition checks it"
    folder = Path(run.adversarial_dir).expanduser()
    files = match_files(folder, records)
    missing = [record.file for record in records if record.id not in files]
    if not files:
        raise UserError(
            f"adversarial_dir={folder} holds no image that is called like one of {context.data.name}, such as "
            f"{records[0].file}"
        )
    if missing:
        log.warning("%s lacks %d of %d images, which are left out", folder, len(missing), len(records))
        if passed_over := find_images(folder).passed_over:
            log.info("%s: %s", folder, describe_passed_over(passed_over))
    context.ranks.from_first(lambda: check_files([folder / file for file in files.values()], context.data.max_pixels))
    return AdversarialSet(
        folder=folder,
        saved={
            record.id: _saved_image(folder, files[record.id], record, targeted=run.attack.targeted)
            for record in records
            if record.id in files
        },
        missing=missing,
    )


def match_files(folder: Path, records: Sequence[ImageRecord]) -> dict[int, str]:
    """Return the adversarial file of each clean image.

    Files count whatever their suffix, at the clean image's place below the folder, or else anywhere below it.

    Args:
        folder: The folder of the adversarial images.
        records: The clean images.

    Returns:
        Paths relative to the folder, by image id.

    Raises:
        UserError: There are two files for one clean image.
    """
    found = [path.relative_to(folder).as_posix() for path in find_images(folder).images]
    places = _grouped(found, _place)
    names = _grouped(found, _name)
    clean_names = _grouped((record.file for record in records), _name)
    files = {}
    for record in records:
        candidates = places.get(_place(record.file), [])
        if not candidates and len(clean_names[_name(record.file)]) == 1:
            candidates = names.get(_name(record.file), [])
        if len(candidates) > 1:
            raise UserError(
                f"{folder} holds {candidates[0]} and {candidates[1]} for the clean image {record.file}: remove one"
            )
        if candidates:
            files[record.id] = candidates[0]
    return files


def _place(file: str) -> str:
    return PurePosixPath(file).with_suffix("").as_posix()


def _name(file: str) -> str:
    return PurePosixPath(file).stem


def _grouped(files: Iterable[str], key: Callable[[str], str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for file in files:
        groups.setdefault(key(file), []).append(file)
    return groups


def _saved_image(folder: Path, file: str, record: ImageRecord, *, targeted: bool) -> SavedImage:
    return SavedImage(
        id=record.id,
        file=file,
        label=record.label,
        target_class=target_class(record) if targeted else -1,
        sha256=hashlib.sha256((folder / file).read_bytes()).hexdigest(),
        seconds=math.nan,
        gradient_evaluations=0,
    )
