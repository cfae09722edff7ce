"""Which images a report shows at once and in full size, all others being in its gallery."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from naa_lightning.records import Prediction, RunResults


@dataclass(frozen=True)
class Featured:
    """The ids of featured images.

    Args:
        first: The first images.
        most: The most transferable images, best first.
        least: The least transferable images, worst first.
        explained: The images that are shown with what models look at.
    """

    first: Sequence[int]
    most: Sequence[int]
    least: Sequence[int]
    explained: Sequence[int]

    @property
    def all(self) -> frozenset[int]:
        """All of them."""
        return frozenset([*self.first, *self.most, *self.least, *self.explained])


def featured(results: RunResults, predictions: Sequence[Prediction], images: Sequence[int]) -> Featured:
    """Choose the featured images as `report` of a run's configuration says; none is of the most and the least at once.

    Args:
        results: The results of the run.
        predictions: The predictions of its targets, at least of the judging ones.
        images: The ids of all adversarial images, in the data's order.
    """
    options: dict[str, Any] = {"first_images": 0, "extreme_images": 0, "attention_images": 0, "attention_ids": None}
    options |= results.config.get("report") or {}
    judging, count = [row for row in predictions if row.target in results.judges], options["extreme_images"]
    fooling = {row.id for row in judging if row.repeat == 0 and row.success}
    most = [image for image in most_transferable(judging, count) if image in fooling]
    least = [image for image in least_transferable(judging, 2 * count) if image not in most]
    chosen = [image for image in images if image in (options["attention_ids"] or ())]
    explained = chosen or most_transferable(judging, options["attention_images"])
    return Featured(images[: options["first_images"]], most, least[:count], explained)


def most_transferable(predictions: Sequence[Prediction], count: int) -> list[int]:
    """Return the ids of the images that fool the most targets, of targets that were right when clean.

    Among images that fool equally many come first those on which the fooled were surest, by the sum of their clean and
    adversarial confidences; then those of lower id. Images that fool nobody come last.

    Args:
        predictions: The predictions of the judging targets; of several random draws the first one counts, and a target
            without a prediction is not fooled.
        count: Number of ids; all where there are fewer.
    """
    by_image = _by_image(predictions)

    def rank(image: int) -> tuple[float, float, int]:
        fooled = [row for row in by_image[image] if row.success]
        return -len(fooled), -_sureness(fooled), image

    return sorted(by_image, key=rank)[:count]


def least_transferable(predictions: Sequence[Prediction], count: int) -> list[int]:
    """Return the ids of the images that fool the fewest targets, of targets that were right when clean.

    Among images that fool equally few come first those on which the targets that stayed right were surest, by the sum
    of their clean and adversarial confidences; then those of lower id. An image that no target had right when clean
    could fool nobody and is left out.

    Args:
        predictions: The predictions of the judging targets; of several random draws the first one counts.
        count: Number of ids; all where there are fewer.
    """
    right = [row for row in predictions if row.clean_prediction == row.label]
    by_image = _by_image(right)

    def rank(image: int) -> tuple[float, float, int]:
        stayed = [row for row in by_image[image] if row.adversarial_prediction == row.label]
        return sum(row.success for row in by_image[image]), -_sureness(stayed), image

    return sorted(by_image, key=rank)[:count]


def _by_image(predictions: Sequence[Prediction]) -> Mapping[int, list[Prediction]]:
    """Group the predictions of the first random draw."""
    by_image: dict[int, list[Prediction]] = {}
    for row in predictions:
        if row.repeat == 0:
            by_image.setdefault(row.id, []).append(row)
    return by_image


def _sureness(rows: Sequence[Prediction]) -> float:
    return sum(row.clean_confidence + row.adversarial_confidence for row in rows)
