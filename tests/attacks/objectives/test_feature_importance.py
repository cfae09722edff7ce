import math

import pytest
import torch
from torch import Tensor

from naa_lightning.attacks import (
    FeatureImportance,
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


def test_fia_that_keeps_all_weighs_by_the_logits_gradient(tiny: Classifier, images: Tensor) -> None:
    prepared = prepare(FeatureImportance(masks=3, keep=1), tiny, images)
    assert_weighs(prepared, scaled(logit_gradient(tiny, images)), tiny, images)


def test_fia_weighs_by_the_average_over_its_copies(tiny: Classifier, images: Tensor) -> None:
    views = Views()
    prepared = prepare(FeatureImportance(masks=5, keep=0.7), tiny, images, views)
    assert len(views.copies) == prepared.gradient_evaluations == 5
    weights = scaled(torch.stack([logit_gradient(tiny, copy) for copy in views.copies]).mean(0))
    assert_weighs(prepared, weights, tiny, images)


@pytest.mark.parametrize("keep", [0.7, 0.9])
def test_fia_drops_values_at_random(keep: float, tiny: Classifier) -> None:
    images, views = random_images(0, 24, 24), Views()
    prepare(FeatureImportance(masks=6, keep=keep), tiny, images, views)
    kept = torch.stack([copy == images for copy in views.copies])
    assert torch.equal(torch.stack(views.copies), torch.where(kept, images, 0))
    spread = math.sqrt(keep * (1 - keep) / kept[0, 0, 0].numel())
    assert (kept.double().mean((3, 4)) - keep).abs().max() < 4 * spread  # in every copy, image and channel
    assert different(kept.flatten(0, 2)) == 6 * 3 * 3
