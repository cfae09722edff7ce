"""Which images show best what an attack does, and which what it does not."""

from collections.abc import Mapping, Sequence

from naa_lightning.records import Prediction


def judges(targets: Mapping[str, tuple[bool, bool]]) -> list[str]:
    """Return the targets that say how images transfer: undefended black-box ones, or else black-box ones, or else all.

    Args:
        targets: By name, whether each was attacked, and whether it stands behind a defence.

    Example:
        >>> judges({"a": (True, False), "b": (False, False), "b+jpeg": (False, True)}), judges({"a": (True, False)})
        (['b'], ['a'])
    """
    black_box = [name for name, (attacked, _) in targets.items() if not attacked]
    undefended = [name for name in black_box if not targets[name][1]]
    return undefended or black_box or list(targets)


def telling_images(predictions: Sequence[Prediction], count: int) -> list[int]:
    """Return the ids of the images that fool the most targets, of targets that were right when clean.

    Among images that fool equally many come first those on which the fooled were surest, by the sum of their clean and
    adversarial confidences; then those of lower id. Images that fool nobody come last.

    Args:
        predictions: The answers of the targets that judge; of several to one image the first counts, and no answer is
            not fooled.
        count: How many images; all where there are fewer.
    """
    answers = _by_image(predictions)
    return sorted(answers, key=lambda image: _rank(image, answers[image]))[:count]


def withstanding_images(predictions: Sequence[Prediction], count: int) -> list[int]:
    """Return the ids of the images that fool the fewest targets, of targets that were right when clean.

    Among images that fool equally few come first those on which the targets that stayed right were surest, by the sum
    of their clean and adversarial confidences; then those of lower id. An image that no target had right when clean
    could fool nobody and is left out.

    Args:
        predictions: As of `telling_images`.
        count: How many images; all where there are fewer.
    """
    answers = _by_image(predictions)
    possible = [image for image, rows in answers.items() if any(row.clean_prediction == row.label for row in rows)]
    return sorted(possible, key=lambda image: _resistance(image, answers[image]))[:count]


def stayed_right(row: Prediction) -> bool:
    """Tell whether a target was right before and after."""
    return row.clean_prediction == row.label == row.adversarial_prediction


def _by_image(predictions: Sequence[Prediction]) -> dict[int, list[Prediction]]:
    """Group the answers of the first random draw."""
    answers: dict[int, list[Prediction]] = {}
    for row in predictions:
        if row.repeat == 0:
            answers.setdefault(row.id, []).append(row)
    return answers


def _rank(image: int, answers: Sequence[Prediction]) -> tuple[float, float, int]:
    sure = [row.clean_confidence + row.adversarial_confidence for row in answers if row.success]
    return -len(sure), -sum(sure), image


def _resistance(image: int, answers: Sequence[Prediction]) -> tuple[float, float, int]:
    right = [row.clean_confidence + row.adversarial_confidence for row in answers if stayed_right(row)]
    return sum(row.success for row in answers), -sum(right), image
