from typing import Any

import pytest
import torch
from torch.nn import functional as F

from naa_lightning.models import Classifier
from naa_lightning.models.image_format import ImageFormat

RED, GREEN, BLUE = 0.2, 0.4, 0.6
PIXEL = torch.tensor([RED, GREEN, BLUE]).view(1, 3, 1, 1)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [RED, GREEN, BLUE]),
        ({"value_range": [0, 255]}, [51.0, 102.0, 153.0]),
        ({"value_range": [-1, 1]}, [-0.6, -0.2, 0.2]),
        ({"value_range": [1, 0]}, [0.8, 0.6, 0.4]),
        ({"mean": [0.1, 0.2, 0.3], "std": [0.5, 0.25, 0.1]}, [0.2, 0.8, 3.0]),
        ({"channels": "bgr"}, [BLUE, GREEN, RED]),
        ({"channels": "bgr", "mean": [0.1, 0.2, 0.3], "std": [0.5, 0.25, 0.1]}, [1.0, 0.8, -1.0]),
    ],
)
def test_values_are_as_computed_by_hand(settings: dict[str, Any], expected: list[float]) -> None:
    torch.testing.assert_close(ImageFormat(**settings).prepare(PIXEL).flatten(), torch.tensor(expected))


def test_the_channels_come_last_in_nhwc() -> None:
    images = torch.rand(2, 3, 4, 5)
    inputs = ImageFormat(layout="nhwc").prepare(images)
    assert inputs.shape == (2, 4, 5, 3)
    assert inputs[1, 2, 3].tolist() == images[1, :, 2, 3].tolist()


@pytest.mark.parametrize(
    ("interpolation", "antialias"),
    [("bilinear", False), ("bilinear", True), ("bicubic", False), ("bicubic", True), ("nearest", False)],
)
def test_images_are_resized_and_normalised_as_in_a_classifier(interpolation: str, antialias: bool) -> None:
    images = torch.rand(2, 3, 17, 23)
    settings: dict[str, Any] = {"mean": [0.4, 0.5, 0.6], "std": [0.1, 0.2, 0.3], "input_size": (8, 12)}
    settings |= {"interpolation": interpolation, "antialias": antialias}
    expected = Classifier(torch.nn.Identity(), **settings).preprocess(images)
    assert torch.equal(ImageFormat(**settings).prepare(images), expected)


def test_resizing_comes_before_everything_else() -> None:
    images = torch.rand(1, 3, 6, 6)
    inputs = ImageFormat(input_size=[4, 4], layout="nhwc", channels="bgr", value_range=[0, 255]).prepare(images)
    resized = F.interpolate(images, size=(4, 4), mode="bilinear", align_corners=False)
    torch.testing.assert_close(inputs, resized[:, [2, 1, 0]].permute(0, 2, 3, 1) * 255)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(torch.float16, torch.float32), (torch.float32, torch.float32), (torch.float64, torch.float64)],
)
def test_what_is_prepared_is_new_memory_of_enough_precision(ours: torch.dtype, theirs: torch.dtype) -> None:
    images = torch.full((1, 3, 2, 2), 0.5, dtype=ours)
    inputs = ImageFormat().prepare(images)
    assert inputs.dtype == theirs
    inputs.zero_()
    assert (images == 0.5).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mean": [0.5] * 3}, "mean and std must be given together"),
        ({"std": [0.5] * 3}, "mean and std must be given together"),
        ({"mean": [0.5] * 3, "std": [0.5] * 3, "value_range": [0, 1]}, "mean and std or value_range, not both"),
        ({"mean": [0.5] * 2, "std": [0.5] * 3}, r"mean must hold 3 or 1 numbers, got \[0\.5, 0\.5\]"),
        ({"mean": [0.5] * 3, "std": [0.5, 0, 0.5]}, r"std must be positive, got \[0\.5, 0, 0\.5\]"),
        ({"mean": [0.5, 0.5, float("nan")], "std": [1] * 3}, r"mean must hold 3 or 1 numbers, got \[0\.5, 0\.5, nan\]"),
        ({"value_range": [0, 1, 2]}, r"value_range must hold 2 numbers, got \[0, 1, 2\]"),
        ({"value_range": [1, 1]}, r"value_range must hold two different numbers, got \[1, 1\]"),
        ({"input_size": [224]}, r"input_size must hold 2 numbers, got \[224\]"),
        ({"input_size": [0, 224]}, r"input_size must be positive, got \[0, 224\]"),
        ({"channels": "grb"}, "channels must be one of rgb, bgr, grey, got 'grb'"),
        ({"layout": "chwn"}, "layout must be one of nchw, nhwc, got 'chwn'"),
        ({"interpolation": "cubic"}, "interpolation must be one of bilinear, bicubic, nearest, got 'cubic'"),
        ({"interpolation": "nearest", "antialias": True}, "antialias needs interpolation=bilinear or bicubic"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ImageFormat(**settings)


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 1, 8, 8), (1, 8, 8, 3)])
def test_what_is_no_batch_of_images_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected images of shape"):
        ImageFormat().prepare(torch.zeros(shape))
