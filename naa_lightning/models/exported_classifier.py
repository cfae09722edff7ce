"""Networks in files of torch.export as classifiers with gradients."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from torch import nn

from naa_lightning.exceptions import ModelError
from naa_lightning.models.black_box.exported_model import ExportedModel, ExportedNetwork
from naa_lightning.models.classifier import Classifier
from naa_lightning.models.classifier_source import ClassifierSource


@dataclass(frozen=True, kw_only=True)
class ExportedClassifier(ClassifierSource):
    """A network that was saved by torch.export, with the layers that it was exported with.

    Loading such a file may run any code that it holds, see `ExportedModel`.

    Raises:
        ValueError: A value is out of range, or it is not said which numbers the network takes.
    """

    path: str

    def __post_init__(self) -> None:
        """Check that the file need not be asked which numbers it takes."""
        super().__post_init__()
        self.check_values()

    @property
    def files(self) -> Sequence[Path]:
        """The file of the network."""
        return self._black_box.files

    @property
    def _black_box(self) -> ExportedModel:
        """The same file as it is only asked."""
        return ExportedModel(**{field.name: getattr(self, field.name) for field in fields(ExportedModel)})

    def check(self) -> None:
        """Check at once that the file is there and of the right kind.

        Raises:
            ModelError: It is not.
        """
        self._black_box.check()

    def loaded_network(self) -> nn.Module:
        """Load the network.

        Raises:
            ModelError: It cannot be loaded.
        """
        return self.build().network

    def build(self) -> Classifier:
        """Load the classifier, in evaluation mode.

        Raises:
            ModelError: It cannot be loaded, gives no gradients, or the network has no such layer.
        """
        asked = self._black_box.build()
        assert isinstance(asked.network, ExportedNetwork)
        if not asked.network.element.is_floating_point:
            raise ModelError(
                f"{self.name}: {self.path} takes {asked.network.element}, through which no gradients flow: it can be a "
                "target only"
            )
        network = torch.export.unflatten(asked.network.program)
        return self.wrap(network, **asdict(asked.image_format), batch_size=asked.batch_sizes).eval()
