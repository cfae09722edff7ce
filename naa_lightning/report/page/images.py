"""The images of a run with their pictures and what each target answered."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from naa_lightning.records import PerturbationRow, PictureRow, Prediction, read_perturbations, read_pictures
from naa_lightning.records.results import RunResults
from naa_lightning.report.page.wording import class_called, decimal, levels
from naa_lightning.report.transferability import least_transferable, most_transferable

OUTCOMES = ("fooled", "hit", "stayed right", "wrong when clean", "no answer")
"""What may come of an image with a target; "hit" is the answer that a targeted attack aimed at."""
SMALL = 96
"""Pictures up to this width in pixels are shown enlarged, pixel by pixel."""
_FEATURED = 4


@dataclass
class Image:
    """An image of a run.

    Args:
        id: The image's row in the data set's own order.
        answers: What the targets answered at the first random draw, the judging ones first.
        size: How far it was changed; None where that is unknown.
        pictures: Its pictures by their kind: "clean", "adversarial" and "difference".
        views: For attention and attribution, the pictures of the clean and of the adversarial image, by kind and model.
    """

    id: int
    answers: list[Prediction]
    size: PerturbationRow | None
    pictures: dict[str, PictureRow] = field(default_factory=dict)
    views: dict[tuple[str, str], dict[str, PictureRow]] = field(default_factory=dict)


@dataclass(frozen=True)
class Images:
    """The images of a run.

    Args:
        every: All images, by id.
        most: Those that fool most targets, best first.
        least: Those that fool fewest, none of which is among the former.
    """

    every: Mapping[int, Image]
    most: Sequence[Image]
    least: Sequence[Image]


def read_images(folder: Path, results: RunResults, predictions: Sequence[Prediction]) -> Images:
    """Read the pictures of a run's images and find the telling ones.

    Args:
        folder: The run's folder.
        results: What the run found.
        predictions: What the targets answered.

    Raises:
        UserError: The pictures or the sizes of perturbations cannot be read.
    """
    sizes = {row.id: row for row in read_perturbations(folder)}
    order = {name: place for place, name in enumerate(dict.fromkeys((*results.judges, *results.targets)))}
    every: dict[int, Image] = {}
    for row in sorted(
        (row for row in predictions if row.repeat == 0), key=lambda row: (row.id, order.get(row.target, len(order)))
    ):
        every.setdefault(row.id, Image(row.id, [], sizes.get(row.id))).answers.append(row)
    for picture in read_pictures(folder):
        if image := every.get(picture.id):
            kind, _, on = picture.kind.partition("/")
            if on:
                image.views.setdefault((kind, picture.model), {})[on] = picture
            else:
                image.pictures[kind] = picture
    judging = [row for row in predictions if row.target in results.judges]
    count = results.config.get("report", {}).get("extreme_images", _FEATURED)
    fooling = {row.id for row in judging if row.success and row.repeat == 0}
    most = [image for image in most_transferable(judging, count) if image in fooling]
    least = [image for image in least_transferable(judging, 2 * count) if image not in most][:count]
    return Images(every, [every[image] for image in most], [every[image] for image in least])


def outcome(row: Prediction) -> str:
    """Return what came of an image with a target, one of `OUTCOMES`."""
    if row.target_class is not None and row.adversarial_prediction == row.target_class:
        return "hit"
    if row.clean_prediction != row.label:
        return "wrong when clean"
    if row.adversarial_prediction < 0:
        return "no answer"
    return "fooled" if row.wrong else "stayed right"


def tally(image: Image, results: RunResults) -> str:
    """Say on how many of the judging targets, of those that were right when clean, the attack succeeds.

    Args:
        image: The image.
        results: What the run found.
    """
    found = [(outcome(row), row) for row in image.answers if row.target in results.judges]
    if results.targeted:
        return f"Hit on {sum(which == 'hit' for which, _ in found)} of {len(found)}"
    right = [row for _, row in found if row.clean_prediction == row.label]
    return f"Fooled {sum(row.success for row in right)} of {len(right)}"


def source(picture: PictureRow) -> str:
    """Return a picture as a data URI."""
    return f"data:image/webp;base64,{base64.b64encode(picture.image).decode()}"


def changed(row: PerturbationRow | None) -> str:
    """Say how far an image was changed; nothing where that is unknown."""
    if row is None:
        return ""
    return f"changed by at most {levels(row.linf)}" + ("" if row.ssim is None else f", SSIM {decimal(row.ssim, 2)}")


def as_data(images: Images, results: RunResults) -> dict[str, Any]:
    """Return what the gallery and the viewer of a page need, as JSON.

    Pictures that the page shows anyway are not among it: the script takes them from there.

    Args:
        images: The images.
        results: What the run found.
    """
    featured = {image.id for image in (*images.most, *images.least)}
    targets = list(dict.fromkeys(row.target for image in images.every.values() for row in image.answers))
    return {
        "targets": targets,
        "judges": [targets.index(name) for name in results.judges if name in targets],
        "goal": "hit" if results.targeted else "fooled",
        "outcomes": OUTCOMES,
        "images": [_one(image, results, targets, featured) for image in images.every.values() if image.pictures],
    }


def _one(image: Image, results: RunResults, targets: Sequence[str], featured: set[int]) -> dict[str, Any]:
    first = image.answers[0]
    shown = {} if image.id in featured else {kind: source(row) for kind, row in image.pictures.items()}
    aim = None if first.target_class is None else class_called(results.class_names, first.target_class)
    difference = image.pictures.get("difference")
    return {
        "id": image.id,
        "title": f"Image {image.id}, {class_called(results.class_names, first.label)}",
        "about": "; ".join(filter(None, [aim and f"aimed at {aim}", first.file, changed(image.size)])),
        "tally": tally(image, results),
        "small": max(row.width for row in image.pictures.values()) <= SMALL,
        "difference": None if difference is None else f"difference {times(difference.note)}",
        "pictures": shown,
        "answers": [
            [
                targets.index(row.target),
                class_called(results.class_names, row.clean_prediction),
                round(row.clean_confidence, 3),
                class_called(results.class_names, row.adversarial_prediction),
                round(row.adversarial_confidence, 3),
                OUTCOMES.index(outcome(row)),
            ]
            for row in image.answers
        ],
    }


def times(note: str) -> str:
    r"""Write the factor in a picture's note as people do.

    >>> times("x 8")
    '×\xa08'
    """
    return note.replace("x ", "\N{MULTIPLICATION SIGN}\N{NO-BREAK SPACE}")
