"""Batches as data loaders give them, in one form."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from naa_lightning.data import Batch
from naa_lightning.exceptions import DataError
from naa_lightning.models.inputs import as_images

# What each name in use stands for; Hugging Face's processors call images pixel_values.
_NAMES = {
    "image": "image",
    "images": "image",
    "pixel_values": "image",
    "label": "label",
    "labels": "label",
    "id": "id",
    "ids": "id",
    "target_class": "target_class",
}


def read_batch(batch: object, first: int, step: int = 1) -> Batch:
    """Return a batch of a usual form in the form of `naa_lightning.data.Batch`.

    Args:
        batch: Images of shape (B, 3, H, W) in [0, 1] and labels of shape (B,), perhaps with ids of shape (B,): as a
            tuple or list in this order, or as a dict with the keys image, images or pixel_values, label or labels, id
            or ids, and perhaps target_class.
        first: The id of the first image, where the batch names no ids.
        step: The difference between the ids of neighbours, where the batch names none.

    Raises:
        DataError: The batch is of another form, or its labels, ids or target classes are no integers of shape (B,).
        ValueError: The images are no images in [0, 1], or there are not as many labels.

    Example:
        >>> read_batch([torch.zeros(2, 3, 4, 4), torch.tensor([7, 8])], first=10)["id"]
        tensor([10, 11])
    """
    found = _parts(batch)
    images = as_images(found["image"])
    ids = torch.arange(first, first + len(images) * step, step)
    unknown = torch.full((len(images),), -1)
    whole: Batch = {
        "image": images,
        "label": _integers("labels", found["label"], images),
        "target_class": _integers("target classes", found.get("target_class", unknown), images),
        "id": _integers("ids", found.get("id", ids), images),
    }
    return whole


def _parts(batch: object) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if isinstance(batch, Mapping):
        found = {_NAMES[key]: value for key, value in batch.items() if key in _NAMES}
    elif isinstance(batch, list | tuple) and len(batch) in {2, 3}:
        found = dict(zip(("image", "label", "id"), batch, strict=False))
    if "image" in found and "label" in found:
        return found
    raise DataError(
        "a batch must be (images, labels), (images, labels, ids) or a dict with a tensor `image` and a `label`, got "
        f"{_description(batch)}: give the DataLoader a data set of such items"
    )


def _integers(name: str, values: Any, images: Tensor) -> Tensor:
    integers = values if isinstance(values, Tensor) else _as_tensor(values)
    if integers is None or integers.is_floating_point() or integers.is_complex() or integers.dtype is torch.bool:
        came = values.dtype if isinstance(values, Tensor) else _description(values)
        raise DataError(f"{name} must be integers, one for each image, got {came}")
    if integers.shape != images.shape[:1]:
        raise DataError(
            f"{name} must be integers of shape ({len(images)},), one for each image, got {tuple(integers.shape)}"
        )
    return integers.to(images.device, torch.long)


def _as_tensor(values: Any) -> Tensor | None:
    try:
        return torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError):  # of what is no number
        return None


def _description(value: object) -> str:
    if isinstance(value, Mapping):
        return f"a dict with the keys {', '.join(map(str, value)) or 'of none'}"
    kind = type(value).__name__
    if isinstance(value, list | tuple):
        return f"a {kind} of {', '.join(type(part).__name__ for part in value) or 'nothing'}"
    return kind
