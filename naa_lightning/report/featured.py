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
        most: The most transferable images, best first, of those that succeed against a target.
        least: The least transferable images, worst first, of those that fail against one.
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
    judging, rate = [row for row in predictions if row.target in results.judges], results.headline
    outcomes, count = _by_outcome(judging, rate), options["extreme_images"]
    most = [image for image in by_transfer(judging, rate, best=True)[:count] if outcomes[image][True]]
    least = [image for image in by_transfer(judging, rate, best=False) if outcomes[image][False] and image not in most]
    chosen = [image for image in images if image in (options["attention_ids"] or ())]
    explained = chosen or by_transfer(judging, rate, best=True)[: options["attention_images"]]
    return Featured(images[: options["first_images"]], most, least[:count], explained)


def by_transfer(predictions: Sequence[Prediction], rate: str, *, best: bool) -> list[int]:
    """Return the ids of the images, those first on which the attack succeeds against the most targets, or the fewest.

    Among equals come first those whose lost targets, or else those whose other targets, were surest, by the sum of
    their clean and adversarial confidences; then those of lower id. Images that the rate is over for no target come
    last among the best, and are left out of the others.

    Args:
        predictions: The predictions of the judging targets; of several random draws the first one counts.
        rate: The rate that says what a success is; see `Prediction.outcome`.
        best: Whether the most transferable images come first.
    """
    outcomes, sign = _by_outcome(predictions, rate), -1 if best else 1
    known = [image for image, rows in outcomes.items() if best or rows[True] or rows[False]]
    return sorted(known, key=lambda id: (sign * len(outcomes[id][True]), -_sureness(outcomes[id][best]), id))


def _by_outcome(predictions: Sequence[Prediction], rate: str) -> Mapping[int, Mapping[bool, list[Prediction]]]:
    """Return for each image the predictions, of the first random draw, that succeed and that do not."""
    found: dict[int, dict[bool, list[Prediction]]] = {}
    for row in predictions:
        if row.repeat == 0:
            of_image, outcome = found.setdefault(row.id, {True: [], False: []}), row.outcome(rate)
            if outcome is not None:
                of_image[outcome].append(row)
    return found


def _sureness(rows: Sequence[Prediction]) -> float:
    return sum(row.clean_confidence + row.adversarial_confidence for row in rows)
