"""Which adversarial images transfer best, and which worst."""

from collections.abc import Sequence

from naa_lightning.records import Prediction


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
    return sorted(by_image, key=lambda image: _transfer_rank(image, by_image[image]))[:count]


def least_transferable(predictions: Sequence[Prediction], count: int) -> list[int]:
    """Return the ids of the images that fool the fewest targets, of targets that were right when clean.

    Among images that fool equally few come first those on which the targets that stayed right were surest, by the sum
    of their clean and adversarial confidences; then those of lower id. An image that no target had right when clean
    could fool nobody and is left out.

    Args:
        predictions: The predictions of the judging targets; of several random draws the first one counts.
        count: Number of ids; all where there are fewer.
    """
    by_image = _by_image(predictions)
    possible = [image for image, rows in by_image.items() if any(row.clean_prediction == row.label for row in rows)]
    return sorted(possible, key=lambda image: _resistance_rank(image, by_image[image]))[:count]


def extremes(predictions: Sequence[Prediction], count: int) -> tuple[list[int], list[int]]:
    """Return the ids of the most and of the least transferable images, none of which is among the former.

    Args:
        predictions: The predictions of the judging targets; of several random draws the first one counts.
        count: Number of ids of each kind; of the most transferable those that fool nobody are left out.
    """
    fooling = {row.id for row in predictions if row.repeat == 0 and row.success}
    most = [image for image in most_transferable(predictions, count) if image in fooling]
    return most, [image for image in least_transferable(predictions, 2 * count) if image not in most][:count]


def stayed_right(row: Prediction) -> bool:
    """Tell whether a target is right about the clean and about the adversarial image."""
    return row.clean_prediction == row.label == row.adversarial_prediction


def _by_image(predictions: Sequence[Prediction]) -> dict[int, list[Prediction]]:
    """Group the predictions of the first random draw."""
    by_image: dict[int, list[Prediction]] = {}
    for row in predictions:
        if row.repeat == 0:
            by_image.setdefault(row.id, []).append(row)
    return by_image


def _transfer_rank(image: int, rows: Sequence[Prediction]) -> tuple[float, float, int]:
    confidences = [row.clean_confidence + row.adversarial_confidence for row in rows if row.success]
    return -len(confidences), -sum(confidences), image


def _resistance_rank(image: int, rows: Sequence[Prediction]) -> tuple[float, float, int]:
    confidences = [row.clean_confidence + row.adversarial_confidence for row in rows if stayed_right(row)]
    return sum(row.success for row in rows), -sum(confidences), image
