import math
from typing import Any

import pytest
import torch
from captum.attr import LayerGradientXActivation
from torch import Tensor

from naa_lightning.attribution import AggregateGradient, class_logit, masked_copies
from naa_lightning.models import Classifier
from tests.attribution.cases import CLASSES, DRAWS, asked


def test_it_is_captums_mean_over_masked_copies_times_the_features(tiny: Classifier, images: Tensor) -> None:
    captum = LayerGradientXActivation(tiny, tiny.network.get_submodule("middle"), multiply_by_inputs=False)
    copies = [torch.where(DRAWS.uniform("fia/mask", i, images) < 0.6, images, 0.0) for i in range(4)]
    gradient = torch.stack([captum.attribute(copy, target=CLASSES) for copy in copies]).mean(0)
    found = asked(AggregateGradient(masks=4, keep=0.6), tiny, images, output=class_logit)
    torch.testing.assert_close(found.values, (tiny.features(images) * gradient).detach())


@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_pixel_values_are_kept_with_the_probability(keep: float) -> None:
    images = torch.full((2, 3, 40, 40), 0.25)
    copies = torch.stack(list(masked_copies(images, 5, keep, DRAWS)))
    assert set(copies.flatten().tolist()) == {0.0, 0.25}
    shares = (copies > 0).double().mean((3, 4))
    assert (shares - keep).abs().max() < 5 * math.sqrt(keep * (1 - keep) / 1600)
    assert len({channel.numpy().tobytes() for channel in copies.flatten(0, 2)}) == 5 * 2 * 3


def test_keeping_all_leaves_the_images(images: Tensor) -> None:
    for copy in masked_copies(images, 3, 1.0, DRAWS):
        assert torch.equal(copy, images)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"masks": 0}, "masks must be at least 1, got 0"),
        ({"keep": 0.0}, r"keep must be in \(0, 1\], got 0\.0"),
        ({"keep": 1.01}, r"keep must be in \(0, 1\], got 1\.01"),
        ({"keep": math.nan}, r"keep must be in \(0, 1\], got nan"),
    ],
)
def test_values_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AggregateGradient(**options)


def test_it_takes_one_gradient_per_copy() -> None:
    assert AggregateGradient(masks=7).gradient_evaluations == 7
