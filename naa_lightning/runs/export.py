"""A finished run's images as files that others use."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track

from naa_lightning.class_names import distinct_names, usual_names
from naa_lightning.config.options import in_options
from naa_lightning.config.recorded_data import recorded_data
from naa_lightning.data import ImageDataModule
from naa_lightning.exceptions import DataError, UserError
from naa_lightning.exports import Description, ImagePair, kind_of, write_export
from naa_lightning.records import (
    Manifest,
    PerturbationRow,
    RunResults,
    SavedImage,
    SavedPairs,
    read_perturbations,
    read_predictions,
    read_results,
)
from naa_lightning.records.image_digest import image_digest
from naa_lightning.report.run_folders import find_runs, is_finished, is_run
from naa_lightning.runs.stages.adversarial_set import AdversarialSet
from naa_lightning.runs.stages.collecting import UNPACKED
from naa_lightning.runs.trainer import make_data

# What an export says of the models and the attack, by which those who rate its images find them.
_ORIGIN = ("surrogate", "attack", "targets", "defences")
_NAMED = 3


@in_options("data", DataError)
def export_run(folder: Path, to: str, out: Path, words: Sequence[str] = ()) -> int:
    """Write the clean and adversarial images of a run, with labels, ids and what made them.

    The clean images are those of the run's data, and must be what they were.

    Args:
        folder: The folder of a finished run.
        to: The name of the format.
        out: The file or folder to write, which is not there yet.
        words: Options of the data that are others now, and what is trusted; see `recorded_data`.

    Returns:
        The number of pairs.

    Raises:
        UserError: There is no finished run or something at `out`, images are gone or have changed, or the format does
            not take them.
    """
    results = _results(folder)
    if out.exists():
        raise UserError(f"{out} is there already: remove it, or name another place with --out")
    data = make_data(recorded_data(results.config, words))
    if results.num_classes is None:
        raise UserError(f"{folder} is of an older version: give its command again, which adds what an export needs")
    data.prepare_data()
    data.expect_classes(results.num_classes, results.model_class_names or usual_names(results.num_classes))
    data.setup("predict")
    place, saved = _saved(folder, results)
    measured = {row.id: row for row in read_perturbations(folder)}
    saved = {id: row for id, row in saved.items() if id in measured}
    if not saved:
        raise UserError(f"{folder} does not tell which images it holds: run again to have its files rewritten")
    _check_records(saved, data, folder)
    data.check_files()
    pairs = AdversarialSet(place, saved).pairs(data.images)
    console = Console()
    read = track(
        _pairs(pairs, measured, data.num_workers),
        description="exporting",
        total=len(pairs),
        console=console,
        disable=not console.is_terminal,
    )
    write_export(to, out, read, _description(results, data, saved))
    return len(pairs)


def _results(folder: Path) -> RunResults:
    if is_finished(folder):
        return read_results(folder)
    if folder.is_dir() and is_run(folder):
        raise UserError(f"{folder} is not finished: give its command again, which goes on, and export then")
    runs = [run.relative_to(folder).as_posix() for run in find_runs(folder)] if folder.is_dir() else []
    if runs:
        more = f" and {len(runs) - _NAMED} more" if len(runs) > _NAMED else ""
        raise UserError(
            f"{folder} holds {len(runs)} runs, and one is exported at a time: name {', '.join(runs[:_NAMED])}{more}"
        )
    raise UserError(f"{folder} holds no results.json: name the folder of a finished run")


def _saved(folder: Path, results: RunResults) -> tuple[Path, Mapping[int, SavedImage]]:
    """Return the folder of a run's adversarial images, and their rows by image id."""
    if results.config.get("craft", True):
        return folder / "adversarial", Manifest(folder / "adversarial").read()
    given = Path(str(results.config.get("adversarial_dir"))).expanduser()
    collected = given if given.is_dir() and kind_of(given) is None else folder / UNPACKED
    if not collected.is_dir():
        raise UserError(
            f"adversarial_dir={given}, whose images {folder} has rated, is not here: restore it, or export from the "
            "folder in which the run was started"
        )
    return collected, {
        row.id: SavedImage(
            id=row.id,
            file=row.file,
            label=row.label,
            target_class=-1 if row.target_class is None else row.target_class,
            sha256="",
            seconds=math.nan,
            gradient_evaluations=0,
        )
        for row in read_predictions(folder, targets=list(results.targets)[:1])
    }


def _check_records(saved: Mapping[int, SavedImage], data: ImageDataModule, folder: Path) -> None:
    """Check that the clean images are there, with the labels that they had."""
    records = {record.id: record for record in data.images.records}
    gone = sorted(saved.keys() - records.keys())
    if gone:
        raise DataError(
            f"{len(gone)} of {len(saved)} clean images of {folder} are gone from {data.name}, image {gone[0]} first: "
            "restore them, or give data.KEY=VALUE for where they are now"
        )
    others = [row for row in saved.values() if data.labelled and records[row.id].label != row.label]
    if others:
        raise DataError(
            f"{len(others)} of {len(saved)} clean images have another label now than when they were attacked, "
            f"{records[others[0].id].file} {records[others[0].id].label} instead of {others[0].label}: restore labels "
            "and class folders"
        )


def _pairs(pairs: SavedPairs, measured: Mapping[int, PerturbationRow], num_workers: int) -> Iterator[ImagePair]:
    records = pairs.images.records
    read = pairs.in_turn(range(len(pairs)), num_workers=num_workers)
    for record, (clean, adversarial) in zip(records, read, strict=True):
        row, was = pairs.saved[record.id], measured[record.id]
        clean_digest, adversarial_digest = image_digest(clean), image_digest(adversarial)
        if clean_digest != was.clean_sha256:
            raise DataError(
                f"the clean image {record.file} has changed since it was attacked: restore it, or give data.KEY=VALUE "
                "for where the images are that were attacked"
            )
        if adversarial_digest != was.adversarial_sha256:
            raise UserError(f"{pairs.folder / row.file} has changed since it was rated: run again")
        yield ImagePair(
            id=record.id,
            file=record.file,
            label=row.label,
            target_class=row.target_class,
            clean=clean,
            adversarial=adversarial,
            clean_sha256=clean_digest,
            adversarial_sha256=adversarial_digest,
        )


def _description(results: RunResults, data: ImageDataModule, saved: Mapping[int, SavedImage]) -> Description:
    names = data.class_names or results.model_class_names
    if names is not None and any(row.label >= len(names) for row in saved.values()):
        names = None
    crafted = results.config.get("craft", True)
    origin = {
        "naa_lightning": results.version,
        "attack": results.attack,
        "surrogate": results.surrogate,
        "data": results.data,
        "labels_from": results.labels_from,
        "images": len(saved),
        "seed": results.config.get("seed"),
        "targeted": results.targeted,
        **({} if results.budget is None else results.budget.model_dump()),
        **({"config": {key: results.config.get(key) for key in _ORIGIN}} if crafted else {}),
    }
    return Description(None if names is None else distinct_names(names), origin)
