"""Classifiers that torchvision publishes."""

from pathlib import Path
from urllib.parse import urlsplit

import torch
import torchvision
from torch import nn

from naa_lightning.models.classifier_source import ClassifierSource, Preprocessing, check_num_classes, unreachable
from naa_lightning.reachable import reachable


class TorchvisionModel(ClassifierSource):
    """A network of torchvision; `architecture` is its name and tag, for example `resnet50.IMAGENET1K_V1`."""

    def __post_init__(self) -> None:
        """Check the architecture's name and tag."""
        super().__post_init__()
        name, _, tag = self.architecture.partition(".")
        try:
            tags = torchvision.models.get_model_weights(name).__members__
        except ValueError:
            raise ValueError(f"torchvision has no model {name!r}") from None
        if tag not in tags:
            raise ValueError(f"torchvision's {name} has no weights {tag!r}; it has {', '.join(tags)}")

    def network(self, *, pretrained: bool) -> nn.Module:
        """Create the network."""
        options = {"num_classes": self.num_classes, **self.create_kwargs}
        if self.architecture.startswith(("inception_v3.", "googlenet.")):
            # Their published weights undo ImageNet's normalisation inside the network.
            options = {"transform_input": True, "init_weights": False, **options}
        network: nn.Module = torchvision.models.get_model(
            self.architecture.partition(".")[0], weights=self._weights() if pretrained else None, **options
        )
        return network

    def published(self) -> Preprocessing:
        """Take mean, std and size from the weights' own transforms."""
        transforms = self._weights().transforms()
        size = transforms.crop_size[0]
        return Preprocessing(mean=transforms.mean, std=transforms.std, input_size=(size, size))

    def check_published(self) -> None:
        """Check the classes, look into torch's cache, then ask whether the server answers."""
        check_num_classes(self, len(self._weights().meta["categories"]))
        url = self._weights().url
        server = f"https://{urlsplit(url).netloc}"
        cached = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
        if not cached.is_file() and not reachable(server):
            raise unreachable(self, server)

    def _weights(self) -> torchvision.models.WeightsEnum:
        name, _, tag = self.architecture.partition(".")
        return torchvision.models.get_model_weights(name)[tag]
