"""Batches as data loaders give them, in one form."""

from collections.abc import Mapping
from typing import Any

import torch

from naa_lightning.data import Batch
from naa_lightning.exceptions import DataError
from naa_lightning.models.inputs import as_images, as_integers

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
        DataError: The batch is of another form, its images are no images in [0, 1], or its labels, ids or target
            classes are no integers of shape (B,).

    Example:
        >>> read_batch([torch.zeros(2, 3, 4, 4), torch.tensor([7, 8])], first=10)["id"]
        tensor([10, 11])
    """
    found = _parts(batch)
    try:
        images = as_images(found["image"])
        ids = torch.arange(first, first + len(images) * step, step)
        unknown = torch.full((len(images),), -1)
        return {
            "image": images,
            "label": as_integers("labels", found["label"], images),
            "target_class": as_integers("target classes", found.get("target_class", unknown), images),
            "id": as_integers("ids", found.get("id", ids), images),
        }
    except ValueError as error:
        raise DataError(str(error)) from error


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


def _description(value: object) -> str:
    if isinstance(value, Mapping):
        return f"a dict with the keys {', '.join(map(str, value)) or 'of none'}"
    kind = type(value).__name__
    if isinstance(value, list | tuple):
        return f"a {kind} of {', '.join(type(part).__name__ for part in value) or 'nothing'}"
    return kind
