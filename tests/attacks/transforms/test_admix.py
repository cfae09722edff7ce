import pytest
import torch
from torch import Tensor

from naa_lightning.attacks import (
    Admix,
    SeededDraws,
)
from tests.attacks.transforms.given import random_images


def test_admix_adds_a_share_of_an_image_of_the_pool() -> None:
    images = random_images(3, 3, 8, 9)
    pool = [*random_images(4, 3, 8, 9, seed=1)]
    picked = set()
    for index in range(20):
        others = (Admix(share=0.3)(images, index, SeededDraws(0, [0, 1, 2], pool)) - images) / 0.3 + 0.5
        distances = torch.stack([(others - candidate).abs().amax((1, 2, 3)) for candidate in pool], dim=1)
        assert (distances.amin(1) < 1e-12).all()
        picked.update(distances.argmin(1).tolist())
    assert picked == {0, 1, 2, 3}


def test_admix_without_a_pool_is_refused(images: Tensor) -> None:
    with pytest.raises(ValueError, match="the attack mixes images: give SeededDraws a pool of clean images"):
        Admix()(images, 0, SeededDraws(0, [0, 1, 2]))
