"""Classifiers that torchvision publishes."""

from difflib import get_close_matches
from typing import Any

import torchvision
from torch import nn

from naa_lightning.models.classifier_source import ClassifierSource, Preprocessing, check_download

# What takes off heads that only serve training, and add their logits to what the network then returns.
_NO_AUXILIARY = {
    "inception_v3": {"AuxLogits": None, "aux_logits": False},
    "googlenet": {"aux1": None, "aux2": None, "aux_logits": False},
}


class TorchvisionModel(ClassifierSource):
    """A network of torchvision; `architecture` is its name and tag, for example `resnet50.IMAGENET1K_V1`."""

    def __post_init__(self) -> None:
        """Check the architecture's name and tag."""
        super().__post_init__()
        name, _, tag = self.architecture.partition(".")
        classifiers = torchvision.models.list_models(module=torchvision.models)
        if name not in classifiers:
            close = ", ".join(get_close_matches(name, classifiers)) or "none"
            raise ValueError(f"torchvision has no model {name!r} that classifies images; similar are {close}")
        tags = torchvision.models.get_model_weights(name).__members__
        if tag not in tags:
            raise ValueError(f"torchvision's {name} has no weights {tag!r}; it has {', '.join(tags)}")

    def network(self, *, pretrained: bool) -> nn.Module:
        """Create the network, without auxiliary heads unless `create_kwargs` asks for them."""
        name = self.architecture.partition(".")[0]
        options: dict[str, Any] = {"num_classes": self.num_classes, **self.create_kwargs}
        if name.startswith("vit_"):
            options = {"image_size": self._weights().meta["min_size"][0], **options}
        taken_off = {} if options.get("aux_logits") else _NO_AUXILIARY.get(name, {})
        if name in _NO_AUXILIARY:
            # Their published weights undo ImageNet's normalisation inside the network.
            options = {"transform_input": True, "init_weights": False, "aux_logits": False, **options}
        if pretrained and taken_off:
            del options["aux_logits"]  # published weights hold the heads, and torchvision insists on making them
        network: nn.Module = torchvision.models.get_model(
            name, weights=self._weights() if pretrained else None, **options
        )
        for key, value in taken_off.items():
            setattr(network, key, value)
        return network

    def published(self) -> Preprocessing:
        """Take mean, std and size from the weights' own transforms."""
        transforms = self._weights().transforms()
        size = transforms.crop_size[0]
        return Preprocessing(
            mean=transforms.mean,
            std=transforms.std,
            input_size=(size, size),
            num_classes=len(self._weights().meta["categories"]),
        )

    def check_published_weights(self) -> None:
        """Look into torch's cache, then ask whether the server answers."""
        check_download(self, self._weights().url)

    def _weights(self) -> torchvision.models.WeightsEnum:
        name, _, tag = self.architecture.partition(".")
        return torchvision.models.get_model_weights(name)[tag]
