"""Which images a report shows at once and in full size, all others being in its gallery."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from naa_lightning.records import Prediction, RunResults
from naa_lightning.report.transferability import extremes, most_transferable


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
    """Choose the featured images as `report` of a run's configuration says.

    Args:
        results: The results of the run.
        predictions: The predictions of its targets, at least of the judging ones.
        images: The ids of all adversarial images, in the data's order.
    """
    options: dict[str, Any] = {"first_images": 0, "extreme_images": 0, "attention_images": 0, "attention_ids": None}
    options |= results.config.get("report") or {}
    judging = [row for row in predictions if row.target in results.judges]
    chosen = [image for image in images if image in (options["attention_ids"] or ())]
    return Featured(
        images[: options["first_images"]],
        *extremes(judging, options["extreme_images"]),
        chosen or most_transferable(judging, options["attention_images"]),
    )
