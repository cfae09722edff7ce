"""Where a classifier comes from: a light description that is checked at once and built when it is needed."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch
from torch import Tensor, nn

from naa_lightning.exceptions import MissingWeightsError, ModelError, reason_of
from naa_lightning.models.classifier import Classifier
from naa_lightning.models.connectivity import is_online
from naa_lightning.models.preprocessing import check_preprocessing
from naa_lightning.models.source import ModelSource
from naa_lightning.models.weights import check_weights_file, load_weights

INTERPOLATIONS = ("bilinear", "bicubic", "nearest")


@dataclass(frozen=True)
class Preprocessing:
    """What published weights expect: mean and std of images in [0, 1], height and width in pixels.

    `input_size` is None for a network that takes images of any size, `num_classes` how many classes the weights tell
    apart, 0 for a network without a last layer.
    """

    mean: Sequence[float]
    std: Sequence[float]
    input_size: Sequence[int] | None
    num_classes: int


@dataclass(frozen=True, kw_only=True)
class ClassifierSource(ModelSource):
    """Describes a classifier that can be attacked, without loading it.

    Args:
        name, num_classes: See `ModelSource`.
        architecture: The library's name for it, with the tag of its published weights.
        layer: The dotted name of the attacked layer, or of several; needed of a surrogate only.
        weights: The path of a local file instead of the published weights.
        mean: The mean per channel, of images in [0, 1], instead of the published weights' own.
        std: The standard deviation per channel, of images in [0, 1], instead of the published weights' own.
        input_size: The height and width in pixels, instead of the published weights' own.
        interpolation: The way in which images of another size are resized: "bilinear", "bicubic" or "nearest".
        antialias: Whether shrinking filters first.
        create_kwargs: The keyword arguments of the library's constructor.
        classes: The names of the classes, by index; None where they are not known.

    Raises:
        ValueError: A value is out of range.
    """

    architecture: str
    layer: str | Sequence[str] | None = None
    weights: str | None = None
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    input_size: Sequence[int] | None = None
    interpolation: str = "bilinear"
    antialias: bool = False
    create_kwargs: Mapping[str, Any] = field(default_factory=dict)
    classes: Sequence[str] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_preprocessing(self.mean, self.std, self.input_size)
        if self.interpolation not in INTERPOLATIONS:
            raise ValueError(f"interpolation must be one of {', '.join(INTERPOLATIONS)}, got {self.interpolation!r}")
        if self.classes is not None and len(self.classes) != self.num_classes:
            raise ValueError(f"classes must name num_classes={self.num_classes} classes, got {len(self.classes)}")

    @property
    def local_weights(self) -> Path | None:
        """The file that `weights` names."""
        return None if self.weights is None else Path(self.weights).expanduser()

    @abstractmethod
    def network(self, *, pretrained: bool) -> nn.Module:
        """Create the network, with its published weights or untrained."""

    @abstractmethod
    def published(self) -> Preprocessing:
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

    def check_published(self) -> None:
        """Check in a few seconds that the published weights can be had and know the classes that are asked for.

        Raises:
            ModelError: They do not, so that the last layer would be untrained, or they cannot be had.
        """
        published = self.published().num_classes
        if self.num_classes != published:
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
        source = replace(self, num_classes=self.published().num_classes, classes=None)
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

    def check(self) -> None:
        """Check in a few seconds that `build` will find weights, without loading a model.

        Raises:
            ModelError: It will not; the message says what to do.
        """
        if self.local_weights is None:
            self.check_published()
        else:
            check_weights_file(self.local_weights)

    def build(self) -> Classifier:
        """Load the classifier, in evaluation mode.

        Raises:
            ModelError: The weights do not fit, or the network has no such layer.
        """
        network = self.network(pretrained=self.local_weights is None)
        if self.local_weights is not None:
            load_weights(network, self.local_weights)
        return self.wrap(network).eval()

    def wrap(self, network: nn.Module) -> Classifier:
        """Join a network of this architecture with its preprocessing and attacked layer."""
        published = self.published()
        size = self.input_size or published.input_size
        try:
            return Classifier(
                network,
                mean=self.mean or published.mean,
                std=self.std or published.std,
                input_size=size,
                layer=self.layer,
                interpolation=self.interpolation,
                antialias=self.antialias,
                num_classes=self.num_classes,
            )
        except ValueError as error:
            raise ModelError(f"{self.name}: {error}") from error


def check_download(source: ClassifierSource, url: str) -> None:
    """Check that published weights are in torch's cache, or their server answers.

    Raises:
        ModelError: Neither.
    """
    server = f"https://{urlsplit(url).netloc}"
    cached = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if not cached.is_file() and not is_online(server):
        raise unreachable(source, server)


def unreachable(source: ClassifierSource, server: str) -> MissingWeightsError:
    """Say that published weights can be had neither here nor from their server."""
    return MissingWeightsError(
        f"the weights of {source.name} ({source.architecture}) are not on this machine and {server} is out of reach: "
        "connect to the network, or name a local file with `weights=PATH`"
    )
