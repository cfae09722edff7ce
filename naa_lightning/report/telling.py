"""Which images show best what an attack does."""

from collections.abc import Sequence

from naa_lightning.records import Prediction


def telling_images(predictions: Sequence[Prediction], count: int, white_box: Sequence[str]) -> list[int]:
    """Return the ids of the images that fool the most black-box targets, of targets that were right when clean.

    Among images that fool equally many come first those on which the fooled were surest, by the mean of their clean
    plus their adversarial confidence; then those of lower id. Images that fool nobody come last.

    Args:
        predictions: Every target's answers.
        count: How many images; all where there are fewer.
        white_box: Names of the targets that were attacked; they count only where there is no other.
    """
    black_box = [row for row in predictions if row.target not in white_box]
    answers: dict[int, list[Prediction]] = {}
    for row in black_box or predictions:
        answers.setdefault(row.id, []).append(row)
    return sorted(answers, key=lambda image: _rank(image, answers[image]))[:count]


def _rank(image: int, answers: Sequence[Prediction]) -> tuple[float, float, int]:
    sure = [
        row.clean_confidence + row.adversarial_confidence
        for row in answers
        if row.clean_prediction == row.label != row.adversarial_prediction
    ]
    return -len(sure), -sum(sure), image
