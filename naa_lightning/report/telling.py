"""Which images show best what an attack does, and which what it does not."""

from collections.abc import Sequence

from naa_lightning.records import Prediction


def telling_images(predictions: Sequence[Prediction], count: int, white_box: Sequence[str]) -> list[int]:
    """Return the ids of the images that fool the most black-box targets, of targets that were right when clean.

    Among images that fool equally many come first those on which the fooled were surest, by the mean of their clean
    plus their adversarial confidence; then those of lower id. Images that fool nobody come last.

    Args:
        predictions: Every target's answers; of several to one image the first counts, and no answer is not fooled.
        count: How many images; all where there are fewer.
        white_box: Names of the targets that were attacked; they count only where there is no other.
    """
    answers = _by_image(predictions, white_box)
    return sorted(answers, key=lambda image: _rank(image, answers[image]))[:count]


def withstanding_images(predictions: Sequence[Prediction], count: int, white_box: Sequence[str]) -> list[int]:
    """Return the ids of the images that fool the fewest black-box targets, of targets that were right when clean.

    Among images that fool equally few come first those on which the targets that stayed right were surest, by the sum
    of their clean and adversarial confidences; then those of lower id. An image that no target had right when clean
    could fool nobody and is left out.

    Args:
        predictions: As of `telling_images`.
        count: How many images; all where there are fewer.
        white_box: As of `telling_images`.
    """
    answers = _by_image(predictions, white_box)
    possible = [image for image, rows in answers.items() if any(row.clean_prediction == row.label for row in rows)]
    return sorted(possible, key=lambda image: _resistance(image, answers[image]))[:count]


def stayed_right(row: Prediction) -> bool:
    """Tell whether a target was right before and after."""
    return row.clean_prediction == row.label == row.adversarial_prediction


def _by_image(predictions: Sequence[Prediction], white_box: Sequence[str]) -> dict[int, list[Prediction]]:
    first = [row for row in predictions if row.repeat == 0]
    black_box = [row for row in first if row.target not in white_box]
    answers: dict[int, list[Prediction]] = {}
    for row in black_box or first:
        answers.setdefault(row.id, []).append(row)
    return answers


def _rank(image: int, answers: Sequence[Prediction]) -> tuple[float, float, int]:
    sure = [row.clean_confidence + row.adversarial_confidence for row in answers if row.success]
    return -len(sure), -sum(sure), image


def _resistance(image: int, answers: Sequence[Prediction]) -> tuple[float, float, int]:
    right = [row.clean_confidence + row.adversarial_confidence for row in answers if stayed_right(row)]
    return sum(row.success for row in answers), -sum(right), image
