"""Classifiers that timm publishes."""

import timm
from huggingface_hub import constants, try_to_load_from_cache
from timm.models import PretrainedCfg
from torch import nn

from naa_lightning.models.classifier_source import ClassifierSource, Preprocessing, check_num_classes, unreachable
from naa_lightning.reachable import reachable


class TimmModel(ClassifierSource):
    """A network of timm; `architecture` is its name and tag, for example `inception_v3.tf_in1k`."""

    def __post_init__(self) -> None:
        """Check the architecture's name."""
        super().__post_init__()
        if self.architecture not in timm.list_models(pretrained=True):
            close = timm.list_models(f"*{self.architecture.split('.')[0]}*", pretrained=True)[:5]
            raise ValueError(f"timm has no weights {self.architecture!r}; similar are {', '.join(close) or 'none'}")

    def network(self, *, pretrained: bool) -> nn.Module:
        """Create the network."""
        network: nn.Module = timm.create_model(
            self.architecture, pretrained=pretrained, **{"num_classes": self.num_classes, **self.create_kwargs}
        )
        return network

    def published(self) -> Preprocessing:
        """Take mean, std and size from the model's own `pretrained_cfg`."""
        config = self._config()
        return Preprocessing(mean=config.mean, std=config.std, input_size=config.input_size[1:])

    def check_published(self) -> None:
        """Check the classes, look into the hub's cache, then ask whether the hub answers."""
        check_num_classes(self, self._config().num_classes)
        repository = str(self._config().hf_hub_id)
        cached = any(
            isinstance(try_to_load_from_cache(repository, file), str)
            for file in ("model.safetensors", "pytorch_model.bin")
        )
        if not cached and not reachable(constants.ENDPOINT):
            raise unreachable(self, constants.ENDPOINT)

    def _config(self) -> PretrainedCfg:
        config = timm.get_pretrained_cfg(self.architecture)
        assert config is not None, "__post_init__ has seen it"
        return config
