import pytest
from torch import Tensor

from tests.attacks.objectives.written_out import random_images


@pytest.fixture
def images() -> Tensor:
    return random_images(0)


@pytest.fixture
def adversarial(images: Tensor) -> Tensor:
    return (images + 0.2 * (random_images(1) - 0.5)).clamp(0, 1)
