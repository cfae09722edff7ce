import math

import numpy as np
import pytest
import torch
from torch import Tensor

from naa_lightning.attacks import (
    RandomPatch,
)
from naa_lightning.models import Classifier
from tests.attacks.objectives.written_out import (
    Views,
    assert_weighs,
    different,
    logit_gradient,
    prepare,
    random_images,
    scaled,
)


def test_rpa_weighs_by_the_average_over_its_copies(tiny: Classifier, images: Tensor) -> None:
    views = Views()
    prepared = prepare(RandomPatch(masks=5), tiny, images, views)
    assert len(views.copies) == prepared.gradient_evaluations == 5
    weights = scaled(torch.stack([logit_gradient(tiny, copy) for copy in views.copies]).mean(0))
    assert_weighs(prepared, weights, tiny, images)


@pytest.mark.parametrize("patches", [(1,), (1, 3, 5, 7)])
def test_rpa_that_keeps_all_is_fia_that_keeps_all(patches: tuple[int, ...], tiny: Classifier, images: Tensor) -> None:
    prepared = prepare(RandomPatch(masks=4, keep=1, patches=patches), tiny, images)
    assert_weighs(prepared, scaled(logit_gradient(tiny, images)), tiny, images)


def test_rpa_changes_whole_squares_of_single_channels(tiny: Classifier) -> None:
    """Patches of the sides 1, 3, 5 and 7 in turn; what is left at the edges is kept."""
    images, views = random_images(0, 47, 44), Views()
    prepare(RandomPatch(masks=8, keep=0.7), tiny, images, views)
    for number, copy in enumerate(views.copies):
        side = (1, 3, 5, 7)[number % 4]
        changed = copy != images
        rows, columns = 47 // side, 44 // side
        assert not changed[:, :, rows * side :].any()
        assert not changed[:, :, :, columns * side :].any()
        inside = changed[:, :, : rows * side, : columns * side].reshape(3, 3, rows, side, columns, side)
        patches = inside.any(5).any(3)
        assert torch.equal(inside.all(5).all(3), patches)
        spread = math.sqrt(0.7 * 0.3 / patches[0, 0].numel())
        assert (patches.double().mean((2, 3)) - 0.3).abs().max() < 4 * spread
        assert different(patches.flatten(0, 1)) == 9  # no image or channel like another


def test_rpa_multiplies_every_changed_value_by_a_number_of_its_own(tiny: Classifier) -> None:
    images, views = random_images(0, 44, 44), Views()
    prepare(RandomPatch(masks=2, keep=0.5, patches=(7,)), tiny, images, views)
    factors = [(copy / images)[copy != images] for copy in views.copies]
    for drawn in factors:
        assert different(drawn) == len(drawn)
        assert drawn.min() >= 0
        assert drawn.max() < 1
        assert float(drawn.mean()) == pytest.approx(0.5, abs=0.03)
        assert float(drawn.std()) == pytest.approx(math.sqrt(1 / 12), abs=0.02)
    assert not np.isin(factors[0].numpy().round(9), factors[1].numpy().round(9)).any()
