"""Collecting adversarial images that another run, or another tool, has crafted."""

import hashlib
import logging
import math
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from naa_lightning.atomic import write_atomically
from naa_lightning.data import ImageRecord
from naa_lightning.data.file_check import check_files
from naa_lightning.distributed.stopping import stop_if_asked
from naa_lightning.exceptions import UserError
from naa_lightning.exports import Export, open_export
from naa_lightning.image_folder import describe_passed_over, find_images
from naa_lightning.records import SavedImage
from naa_lightning.records.manifest import adversarial_name, target_class
from naa_lightning.runs.context import RunContext
from naa_lightning.runs.stages.adversarial_set import AdversarialSet

log = logging.getLogger(__name__)

UNPACKED = "collected"
"""The folder within the run's own that images of an export are unpacked into."""


def collect(context: RunContext) -> AdversarialSet:
    """Find the adversarial images of the clean ones by their file names.

    Those of an export are unpacked into the run's folder.

    Args:
        context: The run.

    Raises:
        UserError: No image is found, there are two for one clean image, some cannot be read, or an export has other
            labels than the data.
    """
    run, records = context.experiment.run, context.data.images.records
    assert run.adversarial_dir is not None, "composition checks it"
    place = Path(run.adversarial_dir).expanduser()
    export = open_export(place)
    files = match_files(place, records) if export is None else matched(export.files, records, place)
    missing = [record.file for record in records if record.id not in files]
    if not files:
        raise UserError(
            f"adversarial_dir={place} holds no image that is called like one of {context.data.name}, such as "
            f"{records[0].file}"
        )
    if missing:
        log.warning("%s lacks %d of %d images, which are left out", place, len(missing), len(records))
        if export is None and (passed_over := find_images(place).passed_over):
            log.info("%s: %s", place, describe_passed_over(passed_over))
    there = [record for record in records if record.id in files]
    folder = place
    digests: dict[int, str] = {}
    if export is not None:
        if context.labels_from is None:
            _check_labels(export, {record: files[record.id] for record in there})
        if export.clean_sha256 is not None:
            of_file = dict(zip(export.files, export.clean_sha256, strict=True))
            digests = {image: of_file[file] for image, file in files.items()}
        folder = context.folder / UNPACKED
        names = {record.id: adversarial_name(record) for record in there}
        wanted = {files[image]: folder / name for image, name in names.items()}
        context.ranks.from_first(partial(_unpack, export, wanted, folder))
        files = names
    context.ranks.from_first(lambda: check_files([folder / file for file in files.values()], context.data.max_pixels))
    return AdversarialSet(
        folder=folder,
        saved={
            record.id: _saved_image(
                folder,
                files[record.id],
                record,
                targeted=run.attack.targeted,
                clean_sha256=digests.get(record.id, ""),
            )
            for record in there
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
    return matched([path.relative_to(folder).as_posix() for path in find_images(folder).images], records, folder)


def matched(found: Sequence[str], records: Sequence[ImageRecord], holder: Path) -> dict[int, str]:
    """Return which of the files in a folder or an export is that of each clean image, as `match_files` does.

    Args:
        found: The paths of the files, relative to the folder.
        records: The clean images.
        holder: The folder or export, for messages.

    Raises:
        UserError: There are two files for one clean image.
    """
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
                f"{holder} holds {candidates[0]} and {candidates[1]} for the clean image {record.file}: remove one"
            )
        if candidates:
            files[record.id] = candidates[0]
    return files


def _check_labels(export: Export, files: Mapping[ImageRecord, str]) -> None:
    """Check that the labels of an export are those of the data, as far as both tell them.

    Args:
        export: The export.
        files: Its file of each clean image that it has one for.
    """
    if export.labels is None or export.origin.get("labels_from") is not None:
        return
    labels = dict(zip(export.files, export.labels, strict=True))
    others = [record for record, file in files.items() if labels[file] != record.label]
    if others:
        raise UserError(
            f"{export.path} has other labels than the data for {len(others)} of {len(files)} images, "
            f"{labels[files[others[0]]]} instead of {others[0].label} for {others[0].file} first: name the data that "
            "its images were made of, or say which class each is with data.class_map= or data.class_names="
        )


def _unpack(export: Export, wanted: Mapping[str, Path], folder: Path) -> None:
    """Write images of an export into a folder of their own.

    Args:
        export: The export.
        wanted: Where each image goes, by its file in the export.
        folder: The folder, in which nothing else stays.
    """
    shutil.rmtree(folder, ignore_errors=True)
    for file, content in export.images(wanted.keys()):
        stop_if_asked("unpacking images")
        write_atomically(wanted[file], content)


def _place(file: str) -> str:
    return PurePosixPath(file).with_suffix("").as_posix()


def _name(file: str) -> str:
    return PurePosixPath(file).stem


def _grouped(files: Iterable[str], key: Callable[[str], str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for file in files:
        groups.setdefault(key(file), []).append(file)
    return groups


def _saved_image(folder: Path, file: str, record: ImageRecord, *, targeted: bool, clean_sha256: str) -> SavedImage:
    return SavedImage(
        id=record.id,
        file=file,
        label=record.label,
        target_class=target_class(record) if targeted else -1,
        sha256=hashlib.sha256((folder / file).read_bytes()).hexdigest(),
        clean_sha256=clean_sha256,
        seconds=math.nan,
        gradient_evaluations=0,
    )
