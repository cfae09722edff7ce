"""Whether a model guesses is judged by how many images it was asked for."""

import pytest

from naa_lightning.metrics import Rate
from naa_lightning.metrics.chance import is_chance


@pytest.mark.parametrize(
    ("right", "total", "num_classes", "guesses"),
    [
        (0, 4, 10, True),
        (1, 10, 10, True),
        (2, 10, 10, False),
        (2, 4, 2, False),  # three of four right would be no wonder either
        (50, 100, 2, True),
        (0, 2, 1000, False),
        (0, 16, 1000, True),
        (1, 16, 1000, False),
        (100, 100, 1, False),  # of one class nobody can be wrong
    ],
)
def test_a_model_guesses_where_there_are_images_enough_to_tell(
    right: int, total: int, num_classes: int, guesses: bool
) -> None:
    clean = Rate(right, total)
    assert is_chance(clean.value, clean.interval[1], num_classes) == guesses
