"""Where a classifier that can be attacked comes from: a light description, built when it is needed."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from naa_lightning.exceptions import ModelError
from naa_lightning.models.classifier import Classifier
from naa_lightning.models.formatted_source import FormattedSource
from naa_lightning.models.image_format import ImageFormat
from naa_lightning.models.preprocessing import check_preprocessing

AUTO = "auto"
"""Stands for the layer in the middle of the network, see `naa_lightning.models.candidates.middle_layer`."""


@dataclass(frozen=True, kw_only=True)
class ClassifierSource(FormattedSource):
    """Describes a classifier that can be attacked, without loading it.

    Args:
        layer: The dotted name of the attacked layer, or of several; needed of a surrogate only. "auto" stands for
            `naa_lightning.models.candidates.middle_layer`, and is replaced by it once images are known.
        classes: The names of the classes, by index; None where they are not known.
        **others: See `FormattedSource`.

    Raises:
        ValueError: A value is out of range.
    """

    layer: str | Sequence[str] | None = None
    classes: Sequence[str] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_preprocessing(self.mean, self.std, self.input_size)
        if (self.mean is None) == (self.std is None):  # the other may be that of published weights
            ImageFormat(**FormattedSource.image_options(self))
        if self.classes is not None and len(self.classes) != self.num_classes:
            raise ValueError(f"classes must name num_classes={self.num_classes} classes, got {len(self.classes)}")

    @abstractmethod
    def loaded_network(self) -> nn.Module:
        """Load the network with its weights.

        Raises:
            ModelError: It cannot be loaded.
        """

    def check_values(self) -> None:
        """Check that this description says which numbers the network takes, where nothing else does.

        Raises:
            ValueError: It does not.
        """
        if self.value_range is None and (self.mean is None or self.std is None):
            raise ValueError(
                "mean and std must be given, of images in [0, 1]; [0, 0, 0] and [1, 1, 1] for a network that "
                "normalises by itself, one number each for a network of one channel"
            )

    def build(self) -> Classifier:
        """Load the classifier, in evaluation mode.

        Raises:
            ModelError: It cannot be loaded, or the network has no such layer.
        """
        return self.wrap(self.loaded_network()).eval()

    def wrap(self, network: nn.Module, **options: Any) -> Classifier:
        """Join a network that this describes with its preprocessing and attacked layer.

        Args:
            network: The network.
            **options: Arguments of `Classifier` that win over what this says, such as what a file says of itself.

        Raises:
            ModelError: It has no such layer, or it is not known how it takes images.
        """
        try:
            own = {
                name: getattr(self, name) for name in ("batch_size", "output", "gives", "first_class", "num_classes")
            }
            layer = None if self.layer == AUTO else self.layer
            return Classifier(network, layer=layer, **{**self.image_options(), **own, **options})
        except ValueError as error:
            raise ModelError(f"{self.name}: {error}") from error
