"""The images of a run with their pictures and what each target answered."""

import base64
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from naa_lightning.records import PerturbationRow, PictureRow, Prediction, read_perturbations, read_pictures
from naa_lightning.records.results import RunResults
from naa_lightning.report.wording import class_called, decimal, levels, times

SMALL = 96
"""Pictures up to this width in pixels are shown enlarged, pixel by pixel."""


Answer = tuple[str, str, int, str, int, str]
"""A target, the class that it took the clean image for at its first random draw, its confidence in percent, both also
for the adversarial image, and the outcome: "fooled"; "hit", as a targeted attack wants it; "right"; "wrong" when clean
already; "silent", without an answer.
"""


@dataclass
class Image:
    """An image of a run.

    Args:
        id: The image's row in the data set's own order.
        title: What it is.
        tally: On how many of the judging targets the attack succeeds.
        about: Its file, and how far it was changed.
        answers: What the targets answered, the judging ones first.
        pictures: Its pictures by their kind: "clean", "adversarial" and "difference".
        views: For attention and attribution, the pictures of the clean and of the adversarial image, by kind and model.
    """

    id: int
    title: str
    tally: str
    about: str
    answers: list[Answer]
    pictures: dict[str, PictureRow] = field(default_factory=dict)
    views: dict[tuple[str, str], dict[str, PictureRow]] = field(default_factory=dict)


def read_images(folder: Path, results: RunResults, predictions: Sequence[Prediction]) -> dict[int, Image]:
    """Read the images of a run, by id.

    Args:
        folder: The run's folder.
        results: What the run found.
        predictions: What the targets answered.

    Raises:
        UserError: The pictures or the sizes of perturbations cannot be read.
    """
    sizes = {row.id: row for row in read_perturbations(folder)}
    order = list(dict.fromkeys((*results.judges, *results.targets, *(row.target for row in predictions))))
    answers: dict[int, list[Prediction]] = {}
    for row in sorted(predictions, key=lambda row: (row.id, order.index(row.target))):
        if row.repeat == 0:
            answers.setdefault(row.id, []).append(row)
    images = {id: _image(results, rows, sizes.get(id)) for id, rows in answers.items()}
    for picture in read_pictures(folder):
        if image := images.get(picture.id):
            kind, _, on = picture.kind.partition("/")
            (image.views.setdefault((kind, picture.model), {}) if on else image.pictures)[on or kind] = picture
    return images


def source(picture: PictureRow) -> str:
    """Return a picture as a data URI."""
    return f"data:image/webp;base64,{base64.b64encode(picture.image).decode()}"


def as_data(images: Mapping[int, Image], results: RunResults, shown: Collection[int]) -> dict[str, Any]:
    """Return what the gallery and the viewer of a page need, as JSON.

    Args:
        images: The images.
        results: What the run found.
        shown: The images whose pictures the page holds anyway: the script takes them from there.
    """
    pictured = [image for image in images.values() if image.pictures]
    return {
        "judges": results.judges,
        "targets": list(dict.fromkeys(target for image in pictured for target, *_ in image.answers)),
        "goal": "hit" if results.targeted else "fooled",
        "images": [
            vars(image)
            | {
                "views": None,
                "pictures": {kind: source(row) for kind, row in image.pictures.items() if image.id not in shown},
                "difference": times(image.pictures["difference"].note) if "difference" in image.pictures else None,
                "small": max(row.width for row in image.pictures.values()) <= SMALL,
            }
            for image in pictured
        ],
    }


def _image(results: RunResults, rows: Sequence[Prediction], size: PerturbationRow | None) -> Image:
    first, names = rows[0], results.class_names
    judging = [row for row in rows if row.target in results.judges]
    tally = f"fooled {_tally(judging, 'success_rate')}"
    if results.targeted:
        tally += f", hit on {_tally(judging, 'target_rate')}"
    about = [] if first.target_class is None else [f"aimed at {class_called(names, first.target_class)}"]
    about.append(first.file)
    if size is not None:
        about.append(f"changed by at most {levels(size.linf)}")
        about += [] if size.ssim is None else [f"SSIM {decimal(size.ssim, 2)}"]
    answers = [
        (
            row.target,
            class_called(names, row.clean_prediction),
            round(100 * row.clean_confidence),
            class_called(names, row.adversarial_prediction),
            round(100 * row.adversarial_confidence),
            _outcome(row),
        )
        for row in rows
    ]
    return Image(first.id, f"Image {first.id}, {class_called(names, first.label)}", tally, "; ".join(about), answers)


def _tally(rows: Sequence[Prediction], rate: str) -> str:
    outcomes = [outcome for row in rows if (outcome := row.outcome(rate)) is not None]
    return f"{sum(outcomes)} of {len(outcomes)}"


def _outcome(row: Prediction) -> str:
    if row.target_class is not None and row.adversarial_prediction == row.target_class:
        return "hit"
    if row.clean_prediction != row.label:
        return "wrong"
    return "silent" if row.adversarial_prediction < 0 else "fooled" if row.wrong else "right"
