import pytest
from torch import Tensor

from tests.attacks.transforms.given import random_images


@pytest.fixture
def images() -> Tensor:
    return random_images(3, 3, 12, 9)
