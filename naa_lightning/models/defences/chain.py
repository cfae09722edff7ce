"""Several defences in front of one model."""

from collections.abc import Iterable, Sequence

from naa_lightning.models.defences.defence import Defence, Predict
from naa_lightning.rng import Draws, ScopedDraws


def defended(defences: Sequence[Defence], model: Predict, draws: Draws) -> Predict:
    """Put a model behind defences.

    Args:
        defences: The defences, of which the first one meets the image first.
        model: The model itself.
        draws: The source of the defences' random numbers.

    Returns:
        The defended model; without defences it is `model`.

    Example:
        >>> import torch
        >>> from naa_lightning.rng import SeededDraws
        >>> from naa_lightning.models.defences import BitDepth
        >>> from naa_lightning.models.predicted_classes import predicted_classes
        >>> model = lambda images, index: predicted_classes(images.mean((2, 3)))
        >>> images = torch.tensor([0.4, 0.45, 0.3]).view(1, 3, 1, 1)
        >>> model(images, 0).classes, defended([BitDepth(bits=1)], model, SeededDraws(0, [0]))(images, 0).confidence
        (tensor([1]), tensor([0.3333]))
    """
    predict = model
    for place, defence in reversed(list(enumerate(defences))):
        predict = _before(defence, predict, ScopedDraws(draws, f"chain/{place}"))
    return predict


def _before(defence: Defence, predict: Predict, draws: Draws) -> Predict:
    return lambda images, index: defence.predict(predict, images, draws, index)


def repeats_of(defences: Iterable[Defence]) -> int:
    """Return the number of random draws for which images behind defences are classified; 1 where none is random."""
    return max([defence.repeats for defence in defences], default=1)
