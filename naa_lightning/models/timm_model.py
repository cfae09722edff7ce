"""Classifiers that timm publishes."""

import timm
from huggingface_hub import constants, try_to_load_from_cache
from torch import nn

from naa_lightning.exceptions import ModelError
from naa_lightning.models.connectivity import is_online
from naa_lightning.models.library_model import LibraryModel, Published, check_download, unreachable


class TimmModel(LibraryModel):
    """A network of timm.

    `architecture` is its name and the tag of its weights, for example `inception_v3.tf_in1k`; a name alone means the
    weights that timm prefers, and is enough for a network that is trained from the start.
    """

    def __post_init__(self) -> None:
        """Check the architecture's name."""
        super().__post_init__()
        if self.architecture not in timm.list_models() and self.architecture not in timm.list_models(pretrained=True):
            close = timm.list_models(f"*{self.architecture.split('.')[0]}*", pretrained=True)[:5]
            raise ValueError(f"timm has no weights {self.architecture!r}; similar are {', '.join(close) or 'none'}")

    def network(self, *, pretrained: bool) -> nn.Module:
        """Create the network."""
        network: nn.Module = timm.create_model(
            self.architecture, pretrained=pretrained, **{"num_classes": self.outputs, **self.create_kwargs}
        )
        return network

    def published(self) -> Published:
        """Take mean, std and size from the model's own `pretrained_cfg`.

        Without published weights these are what timm suggests, and the classes are those that are asked for.
        """
        config = timm.get_pretrained_cfg(self.architecture)
        if config is not None:
            return Published(
                mean=config.mean,
                std=config.std,
                input_size=config.input_size[1:],
                num_classes=config.num_classes if config.has_weights else self.outputs,
            )
        if self.mean is None or self.std is None or self.input_size is None:
            raise ModelError(
                f"timm does not say what images {self.architecture} expects: give `mean`, `std` and `input_size`"
            )
        return Published(mean=self.mean, std=self.std, input_size=self.input_size, num_classes=self.outputs)

    def check_published_weights(self) -> None:
        """Look into the hub's cache, or torch's for what is not on the hub, then ask whether the server answers."""
        config = timm.get_pretrained_cfg(self.architecture)
        if config is None or not config.has_weights:
            raise ModelError(f"timm publishes no weights of {self.architecture}: give `weights`, or train it")
        if config.hf_hub_id is None:
            check_download(self, str(config.url))
            return
        cached = any(
            isinstance(try_to_load_from_cache(config.hf_hub_id, file), str)
            for file in ("model.safetensors", "pytorch_model.bin")
        )
        if not cached and not is_online(constants.ENDPOINT):
            raise unreachable(f"{self.name} ({self.architecture})", constants.ENDPOINT)
