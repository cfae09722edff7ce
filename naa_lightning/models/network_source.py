"""Classifiers whose network some code makes, with its own weights or with those of a local file."""

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from naa_lightning.models.classifier_source import ClassifierSource
from naa_lightning.models.weights import check_weights_file, load_weights


@dataclass(frozen=True, kw_only=True)
class NetworkSource(ClassifierSource):
    """Describes a classifier whose network is made by code.

    Args:
        weights: The path of a local file of weights instead of the network's own, see
            `naa_lightning.models.weights.read_weights`.
        weights_key: The entry of that file that holds them, such as "state_dict_ema", or a prefix of their names; None
            for the usual entry.
    """

    weights: str | None = None
    weights_key: str | None = None

    @property
    def local_weights(self) -> Path | None:
        """The file that `weights` names."""
        return None if self.weights is None else Path(self.weights).expanduser()

    @abstractmethod
    def network(self, *, pretrained: bool) -> nn.Module:
        """Create the network, with its own weights or untrained.

        Raises:
            ModelError: It cannot be created.
        """

    @abstractmethod
    def check_own_weights(self) -> None:
        """Check in a few seconds that the network's own weights can be had.

        Raises:
            ModelError: They cannot.
        """

    def check(self) -> None:
        """Check in a few seconds that `build` will find weights, without loading a model.

        Raises:
            ModelError: It will not; the message says what to do.
        """
        if self.local_weights is None:
            self.check_own_weights()
        else:
            check_weights_file(self.local_weights)

    def loaded_network(self) -> nn.Module:
        """Create the network and fill it with its weights.

        Raises:
            ModelError: It cannot be created, or the weights do not fit.
        """
        network = self.network(pretrained=self.local_weights is None)
        if self.local_weights is not None:
            load_weights(network, self.local_weights, self.weights_key)
        return network
