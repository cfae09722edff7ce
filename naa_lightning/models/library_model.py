"""Classifiers that a library publishes."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch
from torch import Tensor

from naa_lightning.exceptions import MissingWeightsError, ModelError, reason_of
from naa_lightning.models.connectivity import is_online
from naa_lightning.models.network_source import NetworkSource


@dataclass(frozen=True)
class Published:
    """What published weights expect: mean and std of images in [0, 1], height and width in pixels.

    `input_size` is None for a network that takes images of any size, `num_classes` how many classes the weights tell
    apart, 0 for a network without a last layer.
    """

    mean: Sequence[float]
    std: Sequence[float]
    input_size: Sequence[int] | None
    num_classes: int


@dataclass(frozen=True, kw_only=True)
class LibraryModel(NetworkSource):
    """Describes a network of a library.

    Args:
        architecture: The library's name for it, with the tag of its published weights.
        create_kwargs: The keyword arguments of the library's constructor.
    """

    architecture: str
    create_kwargs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def outputs(self) -> int:
        """The number of the network's outputs: one for each class, and those before the first."""
        return self.first_class + self.num_classes

    @abstractmethod
    def published(self) -> Published:
        """Return what the published weights expect.

        Raises:
            ModelError: Nothing says it, neither the library nor this description.
        """

    @abstractmethod
    def check_published_weights(self) -> None:
        """Check in a few seconds that the published weights can be had, whatever classes they tell apart.

        Raises:
            ModelError: There are none, or they are not on this machine and their server is out of reach.
        """

    def image_options(self) -> Mapping[str, Any]:
        """Return how the network takes images: what this description does not say is that of the published weights."""
        published = self.published()
        said = dict(super().image_options())
        if self.value_range is None:
            said |= {"mean": self.mean or published.mean, "std": self.std or published.std}
        return said | {"input_size": self.input_size or published.input_size}

    def check_own_weights(self) -> None:
        """Check in a few seconds that the published weights can be had and know the classes that are asked for.

        Raises:
            ModelError: They do not, so that the last layer would be untrained, or they cannot be had.
        """
        published = self.published().num_classes
        if self.outputs != published:
            raise ModelError(
                f"the published weights of {self.name} ({self.architecture}) know {published} classes, but num_classes "
                f"is {self.num_classes}: name a local file in `weights`"
            )
        self.check_published_weights()

    def published_state(self) -> dict[str, Tensor]:
        """Load the published weights, as a network of all the classes that they tell apart holds them.

        Raises:
            ModelError: They cannot be fetched or read; the message says what to do.
        """
        source = replace(self, num_classes=self.published().num_classes - self.first_class, classes=None)
        try:
            return source.network(pretrained=True).state_dict()
        except ModelError:
            raise
        except Exception as error:  # a library, its hub and a broken download can fail in any way
            raise ModelError(
                f"the published weights of {self.name} ({self.architecture}) cannot be fetched or read: "
                f"{reason_of(error)}; connect to the network and try again, delete a broken download, or give a local "
                "file instead"
            ) from error


def check_download(source: LibraryModel, url: str) -> None:
    """Check that published weights are in torch's cache, or their server answers.

    Raises:
        ModelError: Neither.
    """
    server = f"https://{urlsplit(url).netloc}"
    cached = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if not cached.is_file() and not is_online(server):
        raise unreachable(f"{source.name} ({source.architecture})", server)


def unreachable(model: str, server: str) -> MissingWeightsError:
    """Say that the published weights of a model can be had neither here nor from their server."""
    return MissingWeightsError(
        f"the weights of {model} are not on this machine and {server} is out of reach: connect to the network, or name "
        "a local file with `weights=PATH`"
    )
