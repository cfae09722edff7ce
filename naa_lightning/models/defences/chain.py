"""Several defences in front of one model."""

from collections.abc import Sequence

from naa_lightning.models.defences.defence import Ask, Defence
from naa_lightning.rng import Draws, ScopedDraws


def behind(defences: Sequence[Defence], network: Ask, draws: Draws) -> Ask:
    """Put a model behind defences.

    Args:
        defences: The first one meets the image first.
        network: Asks the model itself.
        draws: Where the defences take random numbers from.

    Returns:
        What asks the defended model; without defences it is `network`.

    Example:
        >>> import torch
        >>> from naa_lightning.rng import SeededDraws
        >>> from naa_lightning.models.answer import answer
        >>> from naa_lightning.models.defences import BitDepth
        >>> network = lambda images, index: answer(images.mean((2, 3)))
        >>> images = torch.tensor([0.4, 0.45, 0.3]).view(1, 3, 1, 1)
        >>> network(images, 0).classes, behind([BitDepth(bits=1)], network, SeededDraws(0, [0]))(images, 0).confidence
        (tensor([1]), tensor([0.3333]))
    """
    ask = network
    for place, defence in reversed(list(enumerate(defences))):
        ask = _before(defence, ask, ScopedDraws(draws, f"chain/{place}"))
    return ask


def _before(defence: Defence, ask: Ask, draws: Draws) -> Ask:
    return lambda images, index: defence.ask(ask, images, draws, index)
