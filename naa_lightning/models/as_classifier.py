"""Any network as a classifier of images in [0, 1]."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from torch import nn

from naa_lightning.models.classifier import Classifier


def as_classifier(
    model: nn.Module,
    *,
    layer: str | Sequence[str] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    input_size: Sequence[int] | None = None,
    num_classes: int | None = None,
    **options: Any,
) -> Classifier:
    """Join a network with its normalisation and attacked layer; the network is shared and keeps its mode.

    What is not given is what timm says of the network in its `pretrained_cfg`. A classifier is returned as it is, or
    with what is given instead of its own.

    Args:
        model: The network, from normalised images of shape (B, 3, h, w) to logits of shape (B, K), or a classifier.
        layer: The dotted name of the attacked layer, or of several.
        mean: The mean per channel that the network expects, of images in [0, 1].
        std: The standard deviation per channel that the network expects, of images in [0, 1].
        input_size: The height and width in pixels that images are resized to.
        num_classes: The number K of classes.
        **options: Further arguments of `Classifier`, such as `channels` or `output`.

    Raises:
        ValueError: Neither an argument nor the network says mean and std, one is out of range, or the network has no
            such layer.

    Example:
        >>> network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> as_classifier(network, mean=[0.5] * 3, std=[0.5] * 3, layer="0").layers
        ('0',)
        >>> as_classifier(network)
        Traceback (most recent call last):
        ...
        ValueError: nothing says what images Sequential expects: give its `mean` and `std`, which are [0, 0, 0] and \
[1, 1, 1] where it normalises images by itself
    """
    if not isinstance(model, nn.Module):
        raise ValueError(f"expected a network as a torch.nn.Module, got {type(model).__name__}")
    given = {
        "layer": layer,
        "mean": mean,
        "std": std,
        "input_size": input_size,
        "num_classes": num_classes,
        **options,
    }
    given = {name: value for name, value in given.items() if value is not None}
    if isinstance(model, Classifier) and not given:
        return model
    network = model.network if isinstance(model, Classifier) else model
    known = _own(model) if isinstance(model, Classifier) else _published(model)
    if "value_range" in given:
        known = {key: value for key, value in known.items() if key not in {"mean", "std"}}
    known |= given
    if not {"mean", "std"} <= known.keys() and "value_range" not in known:
        raise ValueError(
            f"nothing says what images {type(model).__name__} expects: give its `mean` and `std`, which are [0, 0, 0] "
            "and [1, 1, 1] where it normalises images by itself"
        )
    classifier = Classifier(network, **known)
    classifier.training = model.training
    return classifier.tempered(model.temperature) if isinstance(model, Classifier) else classifier


def _own(classifier: Classifier) -> dict[str, Any]:
    mean, std = classifier.mean.flatten().tolist(), classifier.std.flatten().tolist()
    images = asdict(classifier.image_format) | {"mean": mean, "std": std}
    del images["value_range"]  # mean and std say it
    return {
        **images,
        **classifier.output_format,
        "layer": classifier.layers,
        "num_classes": classifier.num_classes,
        "batch_size": classifier.batch_sizes,
    }


def _published(network: nn.Module) -> dict[str, Any]:
    """Return what timm says of a network that it made."""
    said = getattr(network, "pretrained_cfg", None) or getattr(network, "default_cfg", None) or {}
    said = said if isinstance(said, Mapping) else vars(said)
    published = {name: said[name] for name in ("mean", "std") if said.get(name)}
    if published and said.get("input_size"):
        published["input_size"] = tuple(said["input_size"][1:])
    classes = getattr(network, "num_classes", None)
    if published and isinstance(classes, int) and classes > 0:
        published["num_classes"] = classes
    return published
