"""Classifiers that torchvision publishes."""

from difflib import get_close_matches
from typing import Any

import torchvision
from torch import nn

from naa_lightning.exceptions import ModelError
from naa_lightning.models.library_model import LibraryModel, Published, check_download

# What takes off heads that only serve training, and add their logits to what the network then returns.
_NO_AUXILIARY = {
    "inception_v3": {"AuxLogits": None, "aux_logits": False},
    "googlenet": {"aux1": None, "aux2": None, "aux_logits": False},
}


class TorchvisionModel(LibraryModel):
    """A network of torchvision.

    `architecture` is its name and the tag of its weights, for example `resnet50.IMAGENET1K_V1`; a name alone is enough
    for a network with local weights, which gets the images of the weights that torchvision prefers.
    """

    def __post_init__(self) -> None:
        """Check the architecture's name and tag."""
        super().__post_init__()
        name, _, tag = self.architecture.partition(".")
        classifiers = torchvision.models.list_models(module=torchvision.models)
        if name not in classifiers:
            close = ", ".join(get_close_matches(name, classifiers)) or "none"
            raise ValueError(f"torchvision has no model {name!r} that classifies images; similar are {close}")
        tags = torchvision.models.get_model_weights(name).__members__
        if tag and tag not in tags:
            raise ValueError(f"torchvision's {name} has no weights {tag!r}; it has {', '.join(tags)}")

    def network(self, *, pretrained: bool) -> nn.Module:
        """Create the network, without auxiliary heads unless `create_kwargs` asks for them."""
        name = self.architecture.partition(".")[0]
        options: dict[str, Any] = {"num_classes": self.outputs, **self.create_kwargs}
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

    def published(self) -> Published:
        """Take mean, std and size from the weights' own transforms."""
        transforms = self._weights().transforms()
        size = transforms.crop_size[0]
        return Published(
            mean=transforms.mean,
            std=transforms.std,
            input_size=(size, size),
            num_classes=len(self._weights().meta["categories"]) if self._tag else self.outputs,
        )

    def check_published_weights(self) -> None:
        """Look into torch's cache, then ask whether the server answers."""
        if not self._tag:
            tags = torchvision.models.get_model_weights(self.architecture).__members__
            raise ModelError(
                f"{self.name}: which weights of torchvision's {self.architecture} is not said: name a local file in "
                f"`weights`, or one of `architecture={self.architecture}.{next(iter(tags))}`"
            )
        check_download(self, self._weights().url)

    @property
    def _tag(self) -> str:
        return self.architecture.partition(".")[2]

    def _weights(self) -> torchvision.models.WeightsEnum:
        weights = torchvision.models.get_model_weights(self.architecture.partition(".")[0])
        return weights[self._tag] if self._tag else weights.DEFAULT
