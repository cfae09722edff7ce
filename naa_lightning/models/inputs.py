"""What every attack and attribution is given."""

import reprlib
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import torch
from numpy.typing import NDArray
from torch import Tensor

from naa_lightning.models.classifier import Classifier, frozen
from naa_lightning.models.ensemble import Ensemble

Images: TypeAlias = Tensor | NDArray[Any] | Sequence[Tensor | NDArray[Any]]
"""Images (B, 3, H, W) in [0, 1] of any float type, or B of them of shape (3, H, W)."""

Classes: TypeAlias = Tensor | NDArray[Any] | Sequence[int]
"""Classes (B,), of any type of whole numbers."""

ROUNDING = 1e-4
"""How far values may be outside [0, 1], as resizing and rounding leave them; they are clipped."""


class Batch(NamedTuple):
    """A batch on a model's device.

    Args:
        images: Images of shape (B, 3, H, W) in [0, 1], of at least single precision.
        classes: Classes of shape (B,), as 64-bit integers.
    """

    images: Tensor
    classes: Tensor


def as_batch(model: Classifier | Ensemble, images: Images, classes: Classes) -> Batch:
    """Check images and their classes, and bring them to a model's device.

    Args:
        model: The model that is to run on them. Where it does not know how many classes there are, it runs on the first
            image to tell.
        images: The images.
        classes: A class of each, by index.

    Raises:
        ValueError: They are not as described.

    Example:
        >>> network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
        >>> model = Classifier(network, mean=[0.5] * 3, std=[0.5] * 3)
        >>> batch = as_batch(model, [torch.full((3, 4, 4), 1.00001), torch.zeros(3, 4, 4)], [0, 2])
        >>> batch.images.shape, float(batch.images.max()), batch.classes
        (torch.Size([2, 3, 4, 4]), 1.0, tensor([0, 2]))
        >>> as_batch(model, torch.zeros(1, 3, 4, 4), [7])
        Traceback (most recent call last):
        ...
        ValueError: expected labels from 0 to 2, got 7
    """
    checked = as_images(images).to(device_of(model))
    return Batch(checked, _classes(model, checked, classes))


def device_of(model: Classifier | Ensemble) -> torch.device:
    """Return the device that a model is on."""
    return model.members[0].mean.device


def as_images(images: Images) -> Tensor:
    """Check images and join them to a tensor of shape (B, 3, H, W) of at least single precision, in [0, 1].

    Raises:
        ValueError: They are no images in [0, 1].
    """
    tensor = _joined(images)
    if tensor.ndim != 4 or tensor.shape[1] != 3 or not tensor.numel() or not tensor.is_floating_point():
        hint = ""
        if tensor.dtype == torch.uint8:
            hint = "; divide 8-bit images by 255"
        elif tensor.ndim == 3:
            hint = "; images[None] is a batch of one"
        raise ValueError(f"expected float images of shape (B, 3, H, W), got {tensor.dtype} {tuple(tensor.shape)}{hint}")
    tensor = tensor.detach().to(torch.promote_types(tensor.dtype, torch.float32))
    low, high = torch.stack(tensor.aminmax()).tolist()
    if not (low >= -ROUNDING and high <= 1 + ROUNDING):
        raise ValueError(
            f"expected images in [0, 1], got [{low:g}, {high:g}]: divide 8-bit values by 255, and leave normalisation "
            "to the classifier"
        )
    return tensor.clamp(0, 1) if low < 0 or high > 1 else tensor


def as_integers(name: str, values: Any, images: Tensor) -> Tensor:
    """Check that there is a whole number for each image, and bring them to the images' device as 64-bit integers.

    Args:
        name: What the numbers are, in words for messages.
        values: The numbers, of any integer type.
        images: The images.

    Raises:
        ValueError: They are not as described.
    """
    try:
        tensor = torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError):
        came = reprlib.repr(values)
        raise ValueError(f"expected {name} as whole numbers, one per image, got {came}") from None
    if tensor.shape != images.shape[:1]:
        raise ValueError(f"expected {name} of shape ({len(images)},), got {tuple(tensor.shape)}")
    if tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool:
        raise ValueError(f"expected {name} as whole numbers, got {tensor.dtype}")
    return tensor.to(images.device, torch.int64)


def _joined(images: Images) -> Tensor:
    several = isinstance(images, Sequence) and not isinstance(images, str)
    try:
        return torch.stack([torch.as_tensor(image) for image in images]) if several else torch.as_tensor(images)
    except (TypeError, ValueError, RuntimeError):
        kinds = ", ".join(sorted({_kind(image) for image in (images if several else [images])}))
        raise ValueError(
            "expected float images as a tensor of shape (B, 3, H, W) or a list of tensors of one shape (3, H, W), got "
            f"{'a list of ' if several else ''}{kinds or 'none'}"
        ) from None


def _kind(image: object) -> str:
    shape = getattr(image, "shape", None)
    return type(image).__name__ if shape is None else f"{type(image).__name__} {tuple(shape)}"


def _classes(model: Classifier | Ensemble, images: Tensor, classes: Classes) -> Tensor:
    tensor = as_integers("labels", classes, images)
    number = model.num_classes
    if number is None:
        with frozen(model), torch.no_grad():
            number = model(images[:1]).shape[1]
    low, high = torch.stack(tensor.aminmax()).tolist()
    if low < 0 or high >= number:
        raise ValueError(f"expected labels from 0 to {number - 1}, got {low if low < 0 else high}")
    return tensor
