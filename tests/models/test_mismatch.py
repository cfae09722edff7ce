"""What is wrong with labels or images is found by trying, on a model for which it is known."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from naa_lightning.models.mismatch import best_remedy

# Saturated colours of eight kinds, whose class is written in their channels.
LABELS = torch.arange(8)
BITS = torch.stack([LABELS % 2, LABELS // 2 % 2, LABELS // 4 % 2], 1).float()
IMAGES = (0.2 + 0.6 * BITS).view(8, 3, 1, 1).expand(8, 3, 4, 4)
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def expecting(low: float, high: float, *, blue_first: bool = False) -> Callable[[Tensor], Tensor]:
    """A model of images that are normalised so that 0 is `low` and 1 is `high`; of others it makes class 8."""

    def classify(images: Tensor) -> Tensor:
        seen = (images.flip(1) if blue_first else images).mean((2, 3))
        dark, bright = low + 0.2 * (high - low), low + 0.8 * (high - low)
        near = torch.stack([(seen - dark).abs(), (seen - bright).abs()])
        known = (near.amin(0) < 0.1 * (high - low)).all(1)
        bits = near.argmin(0)
        return torch.where(known, bits[:, 0] + 2 * bits[:, 1] + 4 * bits[:, 2], 8)

    return classify


@pytest.mark.parametrize(
    ("low", "high", "options", "remedy"),
    [
        (0, 1, {}, ""),
        (0, 255, {}, "values from 0 to 255"),
        (-1, 1, {}, "mean=[0.5,0.5,0.5] std=[0.5,0.5,0.5]"),
        (0, 1, {"blue_first": True}, "channels in the order blue, green, red"),
        (0, 255, {"blue_first": True}, "values from 0 to 255, channels in the order blue, green, red"),
    ],
)
def test_images_that_a_model_sees_wrongly(low: float, high: float, options: dict[str, bool], remedy: str) -> None:
    assert best_remedy(expecting(low, high, **options), IMAGES, LABELS) == (remedy, 8)


@pytest.mark.parametrize(
    ("low", "high", "remedy"), [(0, 255, "values from 0 to 255"), (-1, 1, "mean=[0.5] std=[0.5]"), (0, 1, "")]
)
def test_a_model_of_one_channel_is_told_single_numbers(low: float, high: float, remedy: str) -> None:
    """Eight greys, whose order of colours makes no difference."""
    levels = torch.linspace(0.1, 0.8, 8)

    def classify(images: Tensor) -> Tensor:
        seen = (images.mean((1, 2, 3)) - low) / (high - low)
        distance = (seen[:, None] - levels).abs()
        return torch.where(distance.amin(1) < 0.01, distance.argmin(1), 8)

    images = levels.view(8, 1, 1, 1).expand(8, 3, 4, 4)
    assert best_remedy(classify, images, LABELS, mean=[0.0], std=[1.0]) == (remedy, 8)
    seen = best_remedy(lambda images: classify((images - 0.2) / 0.4), images, LABELS, mean=[0.2], std=[0.4])
    assert seen == (remedy or "mean=[0] std=[1]", 8)


@pytest.mark.parametrize(("shift", "remedy"), [(1, "labels minus 1"), (-1, "labels plus 1")])
def test_labels_that_are_counted_from_elsewhere(shift: int, remedy: str) -> None:
    assert best_remedy(expecting(0, 1), IMAGES, LABELS + shift) == (remedy, 8)
    both = f"{remedy}, values from 0 to 255"
    assert best_remedy(expecting(0, 255), IMAGES, LABELS + shift) == (both, 8)


def test_what_the_model_does_to_images_itself_is_undone() -> None:
    """A model that normalises as ImageNet, and was trained on plain images in [0, 1]."""
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in IMAGENET)
    trained = expecting(0, 1)
    found = best_remedy(
        lambda images: trained((images - mean) / std), IMAGES, LABELS, mean=IMAGENET[0], std=IMAGENET[1]
    )
    assert found == ("mean=[0,0,0] std=[1,1,1]", 8)
