"""What an ONNX file says of the images that it takes is heeded."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from onnx import TensorProto
from torch import Tensor
from torch.nn import functional as F

from naa_lightning.exceptions import UserError
from tests.models.black_box.onnx_files import IMAGES, REMEDY, Shape, logits, means


def test_the_size_is_the_files(tmp_path: Path) -> None:
    resized = F.interpolate(IMAGES, size=(2, 6), mode="bilinear", align_corners=False)
    found = logits(means(tmp_path, ["batch", 3, 2, 6]), value_range=[0, 1])
    torch.testing.assert_close(found, resized.mean((2, 3)))


def test_a_size_of_ones_own_needs_a_file_that_takes_any(tmp_path: Path) -> None:
    resized = F.interpolate(IMAGES, size=(3, 2), mode="bicubic", align_corners=False, antialias=True)
    settings: dict[str, Any] = {"value_range": [0, 1], "input_size": [3, 2]}
    found = logits(means(tmp_path), interpolation="bicubic", antialias=True, **settings)
    torch.testing.assert_close(found, resized.mean((2, 3)))
    with pytest.raises(UserError, match=r"mine, .*means\.onnx: takes a tensor \(batch, 3, 2, 6\), but input_size is"):
        logits(means(tmp_path, ["batch", 3, 2, 6]), **settings)


def test_an_equal_size_is_no_contradiction(tmp_path: Path) -> None:
    path = means(tmp_path, ["batch", 3, 4, 5])
    torch.testing.assert_close(logits(path, value_range=[0, 1], input_size=[4, 5]), IMAGES.mean((2, 3)))


@pytest.mark.parametrize("shape", [["batch", "height", "width", 3], [None, 4, 5, 3]])
def test_channels_that_come_last_are_seen_in_the_file(tmp_path: Path, shape: Shape) -> None:
    torch.testing.assert_close(logits(means(tmp_path, shape, axes=(1, 2)), value_range=[0, 1]), IMAGES.mean((2, 3)))


@pytest.mark.parametrize("shape", [["batch", 3, "height", 3], ["batch", "a", "b", "c"], None])
def test_a_layout_that_cannot_be_seen_is_asked_for(tmp_path: Path, shape: Shape) -> None:
    for layout, axes, images in (("nchw", (2, 3), IMAGES[..., :3]), ("nhwc", (1, 2), IMAGES[:, :, :3])):
        path = means(tmp_path, shape, axes)
        with pytest.raises(UserError, match=r"mine, .*means\.onnx: takes .*: give layout=nchw or layout=nhwc"):
            logits(path, images, value_range=[0, 1])
        torch.testing.assert_close(logits(path, images, value_range=[0, 1], layout=layout), images.mean((2, 3)))


@pytest.mark.parametrize("shape", [["batch", 2, 28, 28], ["batch", 3], [3, 224, 224], ["batch", 3, 2, 4, 4]])
def test_a_network_of_something_else_is_refused(tmp_path: Path, shape: Shape) -> None:
    path = means(tmp_path, shape, axes=(0, 1))
    known: tuple[dict[str, Any], ...] = ({}, {"layout": "nchw", "input_size": [28, 28]})
    for settings in known:
        with pytest.raises(UserError, match=r"mine, .*means\.onnx: takes a tensor \(.*\), no images of three channels"):
            logits(path, value_range=[0, 1], **settings)


@pytest.mark.parametrize(
    ("shape", "axes", "settings"),
    [
        (["batch", 1, 4, 5], (2, 3), {}),
        (["batch", 4, 5, 1], (1, 2), {}),
        (["batch", "channels", 4, 5], (2, 3), {"channels": "grey", "layout": "nchw"}),
    ],
)
def test_a_network_of_one_channel_gets_the_mean_of_three(
    tmp_path: Path, shape: Shape, axes: tuple[int, int], settings: dict[str, Any]
) -> None:
    grey = IMAGES.mean(1)
    path = means(tmp_path, shape, axes)
    for values, expected in (({"value_range": [0, 255]}, 255 * grey), ({"mean": [0.5], "std": [0.25]}, 4 * grey - 2)):
        found = logits(path, num_classes=1, **values, **settings)
        torch.testing.assert_close(found, expected.mean((1, 2))[:, None])


def test_three_channels_are_not_grey(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"takes a tensor \(batch, 3, 4, 5\), which is not one channel: leave out"):
        logits(means(tmp_path, ["batch", 3, 4, 5]), value_range=[0, 1], channels="grey")


@pytest.mark.parametrize("count", [1, 3, 4, 6, 8])
def test_a_fixed_batch_size_is_met(tmp_path: Path, count: int) -> None:
    images = torch.rand(count, 3, 4, 5)
    torch.testing.assert_close(logits(means(tmp_path, [4, 3, 4, 5]), images, value_range=[0, 1]), images.mean((2, 3)))


@pytest.mark.parametrize(
    ("element", "tolerance"), [(TensorProto.FLOAT, 1e-6), (TensorProto.FLOAT16, 2e-3), (TensorProto.DOUBLE, 1e-6)]
)
def test_numbers_are_of_the_files_type(tmp_path: Path, element: int, tolerance: float) -> None:
    found = logits(means(tmp_path, element=element), mean=[0.5] * 3, std=[0.25] * 3)
    torch.testing.assert_close(found, (IMAGES.mean((2, 3)) - 0.5) / 0.25, rtol=0, atol=tolerance)


def test_bytes_are_rounded(tmp_path: Path) -> None:
    path = means(tmp_path, element=TensorProto.UINT8)
    stored = torch.randint(256, (4, 3, 8, 8))
    torch.testing.assert_close(logits(path, stored / 255), stored.float().mean((2, 3)))
    between = torch.full((1, 3, 1, 1), 100.6 / 255)
    assert logits(path, between).tolist() == [[101.0, 101.0, 101.0]]


def test_bytes_do_not_wrap_around_where_resizing_overshoots(tmp_path: Path) -> None:
    path = means(tmp_path, element=TensorProto.UINT8)
    edge = torch.zeros(1, 3, 8, 8)
    edge[..., 4:] = 0.5
    for images in (edge, 1 - edge):
        resized = F.interpolate(images, size=(16, 16), mode="bicubic", align_corners=False)
        assert ((resized < -0.01) | (resized > 1.01)).any()
        found = logits(path, images, input_size=[16, 16], interpolation="bicubic")
        torch.testing.assert_close(found, (resized.clamp(0, 1) * 255).round().mean((2, 3)))


def test_bytes_are_no_place_for_normalised_numbers(tmp_path: Path) -> None:
    path = means(tmp_path, element=TensorProto.UINT8)
    for settings in ({"mean": [0.5] * 3, "std": [0.5] * 3}, {"value_range": [-1, 1]}, {"value_range": [0, 1]}):
        with pytest.raises(UserError, match=r"takes uint8, .*: give value_range=\[0,255\]"):
            logits(path, **settings)


MEANS = IMAGES.mean((2, 3))
MOMENTS = {"mean": "[0.1, 0.2, 0.3]", "std": "[0.5, 0.25, 0.2]"}


@pytest.mark.parametrize(
    ("metadata", "settings", "expected"),
    [
        ({"Image__NominalPixelRange": "NominalRange_0_255"}, {}, MEANS * 255),
        ({"Image__NominalPixelRange": "Normalized_0_1"}, {}, MEANS),
        ({"Image__NominalPixelRange": "Normalized_1_1"}, {}, MEANS * 2 - 1),
        ({"Image__NominalPixelRange": "NominalRange_16_235"}, {}, MEANS * 219 + 16),
        (MOMENTS, {}, (MEANS - torch.tensor([0.1, 0.2, 0.3])) / torch.tensor([0.5, 0.25, 0.2])),
        ({"Image__BitmapPixelFormat": "Rgb8"}, {"value_range": [0, 1]}, MEANS),
        ({"Image__BitmapPixelFormat": "Bgr8"}, {"value_range": [0, 1]}, MEANS.flip(1)),
        ({"Image__BitmapPixelFormat": "Bgr8"}, {"value_range": [0, 1], "channels": "rgb"}, MEANS),
        ({"Image__BitmapPixelFormat": "Gray8"}, {"value_range": [0, 1], "channels": "rgb"}, MEANS),
        ({}, {"value_range": [0, 1], "channels": "bgr"}, MEANS.flip(1)),
        ({"Image__NominalPixelRange": "NominalRange_0_255"}, {"value_range": [-1, 1]}, MEANS * 2 - 1),
        ({"Image__NominalPixelRange": "NominalRange_0_255"}, {"mean": [0.5] * 3, "std": [2] * 3}, (MEANS - 0.5) / 2),
        (MOMENTS, {"value_range": [0, 1]}, MEANS),
        ({"mean": "nonsense"}, {"value_range": [0, 1]}, MEANS),
    ],
)
def test_the_configuration_goes_before_the_metadata(
    tmp_path: Path, metadata: dict[str, str], settings: dict[str, Any], expected: Tensor
) -> None:
    found = logits(means(tmp_path, metadata=metadata), **settings)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, f"which numbers it takes is said by neither the configuration nor the file: {REMEDY}"),
        ({"Image__NominalPixelRange": "Wide"}, f"says Image.NominalPixelRange Wide, expected one of .*: {REMEDY}"),
        ({"Image__NominalPixelRange": "Normalized_0_1", **MOMENTS}, f"says mean or std and .*: {REMEDY}"),
        ({"mean": "[0.1, 0.2, 0.3]"}, "mean and std must be given together"),
        ({**MOMENTS, "mean": "0.1 0.2 0.3"}, f"says mean 0.1 0.2 0.3, expected a JSON list of three numbers: {REMEDY}"),
        ({**MOMENTS, "std": json.dumps(["a"] * 3)}, r"says std \[.*\], expected a JSON list of three numbers"),
        ({**MOMENTS, "std": "[1, 1]"}, r"std must hold 3 or 1 numbers, got \[1, 1\]"),
        ({"Image__BitmapPixelFormat": "Cmyk", **MOMENTS}, "says Image.BitmapPixelFormat Cmyk, .*give channels=rgb"),
    ],
)
def test_metadata_that_do_not_help_are_told(tmp_path: Path, metadata: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=rf"mine, .*means\.onnx: {message}"):
        logits(means(tmp_path, metadata=metadata))
