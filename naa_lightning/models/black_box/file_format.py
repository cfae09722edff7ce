"""What a file says of the images that its network takes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from naa_lightning.models.image_format import VALUES_REMEDY, ImageFormat

_PIXEL_FORMATS = {"Rgb8": "rgb", "Bgr8": "bgr", "Gray8": "grey"}
_PIXEL_RANGES = {
    "NominalRange_0_255": (0.0, 255.0),
    "Normalized_0_1": (0.0, 1.0),
    "Normalized_1_1": (-1.0, 1.0),
    "NominalRange_16_235": (16.0, 235.0),
}
_CHANNEL_AXIS = {"nchw": 1, "nhwc": 3}
_COUNTS = (3, 1)

Shape = Sequence[int | str | None]


def completed(given: ImageFormat, *, shape: Shape, element: torch.dtype, metadata: Mapping[str, str]) -> ImageFormat:
    """Fill in from a file what the user left open.

    Args:
        given: The user's own choices, which the file does not change.
        shape: The shape of the input: numbers, or anything else where any number will do; empty if not known.
        element: The type of the input's elements.
        metadata: The metadata of the file; those of ONNX are known.

    Raises:
        ValueError: The network takes no images, or what must be known is said by neither, or is contradictory.
    """
    layout = given.layout or _layout(shape)
    count = shape[_CHANNEL_AXIS[layout]] if len(shape) == 4 else None
    grey = given.is_grey or count == 1
    if isinstance(count, int) and (count == 1) != grey:
        raise ValueError(f"takes {_written(shape)}, which is not one channel: leave out channels=grey")
    found: dict[str, Any] = {
        "layout": layout,
        "channels": given.channels or ("grey" if grey else _channels(metadata)),
    }
    if shape:
        found["input_size"] = _input_size(given.input_size, shape, layout)
    if not given.says_values:
        found |= _values(element, metadata)
    completed_format = replace(given, **found)
    if element == torch.uint8 and not _fits_bytes(completed_format.value_range):
        raise ValueError("takes uint8, whole numbers from 0 to 255: give value_range=[0,255], not mean and std")
    return completed_format


def _layout(shape: Shape) -> str:
    possible = [layout for layout in _CHANNEL_AXIS if _fits(shape, layout)]
    certain = [layout for layout in possible if shape[_CHANNEL_AXIS[layout]] in _COUNTS]
    if shape and not possible:
        raise ValueError(f"takes {_written(shape)}, no images of three channels or one")
    if len(certain) != 1:
        raise ValueError(f"takes {_written(shape)}: give layout=nchw or layout=nhwc")
    return certain[0]


def _input_size(given: Sequence[int] | None, shape: Shape, layout: str) -> Sequence[int] | None:
    axis = _CHANNEL_AXIS[layout]
    if not _fits(shape, layout):
        raise ValueError(f"takes {_written(shape)}, no images of three channels or one in layout {layout}")
    size = [length for index, length in enumerate(shape) if index not in (0, axis)]
    fixed = [length for length in size if isinstance(length, int)]
    if given is None:
        return fixed if len(fixed) == 2 else None
    if any(isinstance(theirs, int) and theirs != ours for theirs, ours in zip(size, given, strict=True)):
        raise ValueError(f"takes {_written(shape)}, but input_size is {list(given)}: leave it out")
    return given


def _channels(metadata: Mapping[str, str]) -> str:
    said = metadata.get("Image.BitmapPixelFormat", "Rgb8")
    if said not in _PIXEL_FORMATS:
        raise ValueError(
            f"says Image.BitmapPixelFormat {said}, expected {', '.join(_PIXEL_FORMATS)}: give channels=rgb, bgr or grey"
        )
    return _PIXEL_FORMATS[said]


def _values(element: torch.dtype, metadata: Mapping[str, str]) -> dict[str, Sequence[float]]:
    moments = {key: _numbers(key, metadata[key]) for key in ("mean", "std") if key in metadata}
    said = metadata.get("Image.NominalPixelRange")
    if moments and said is not None:
        raise ValueError(f"says mean or std and Image.NominalPixelRange {said}: {VALUES_REMEDY}")
    if said is not None:
        if said not in _PIXEL_RANGES:
            raise ValueError(
                f"says Image.NominalPixelRange {said}, expected one of {', '.join(_PIXEL_RANGES)}: {VALUES_REMEDY}"
            )
        return {"value_range": _PIXEL_RANGES[said]}
    if not moments and element == torch.uint8:
        return {"value_range": (0.0, 255.0)}
    if not moments:
        raise ValueError(f"which numbers it takes is said by neither the configuration nor the file: {VALUES_REMEDY}")
    return moments


def _numbers(key: str, text: str) -> Sequence[float]:
    try:
        numbers = json.loads(text)
    except ValueError:
        numbers = None
    if not isinstance(numbers, list) or not all(isinstance(number, int | float) for number in numbers):
        raise ValueError(f"says {key} {text}, expected a JSON list of three numbers: {VALUES_REMEDY}")
    return numbers


def _fits_bytes(value_range: Sequence[float] | None) -> bool:
    return value_range is not None and min(value_range) >= 0 and 1 < max(value_range) <= 255


def _fits(shape: Shape, layout: str) -> bool:
    if len(shape) != 4:
        return False
    channels = shape[_CHANNEL_AXIS[layout]]
    return channels in _COUNTS or not isinstance(channels, int)


def _written(shape: Shape) -> str:
    return f"a tensor ({', '.join(str(length) for length in shape)})" if shape else "a tensor of unknown shape"
